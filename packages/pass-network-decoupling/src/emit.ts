/**
 * Factors as ordinary nodes. R terms, T of them per channel when all channels have equally many:
 *
 *   dw-pw wide     depthwise with multiplier T  → pointwise            (the sum over terms is the matrix product's)
 *   pw-dw wide     pointwise to O·T channels    → grouped, T inputs each (the grouped convolution does the sum)
 *   chains         T chains of two, each of multiplier 1, and their sum  (fast in runtimes that lack the above)
 *
 * With unequal terms dw-pw reads its input through a gather of channels, and pw-dw has one pair of convolutions per
 * number of terms, whose results are concatenated and put into order.
 * Kernel, stride, dilation and padding lie on the depthwise part, the bias on the last op; there is no inner bias,
 * so that padding with zeros stays exact.
 */
import { makeNode, type Node, type NodeOf, type Patch } from '@decouple/ir';
import { float32, int64, invariant, type Tensor } from '@decouple/tensor';
import { termsPerChannel, type Factors } from './factors.ts';

export type Layout = 'wide' | 'chains';

/** A convolution to replace and what by. */
export interface Replacement {
  readonly conv: NodeOf<'conv2d'>;
  /** `[kh, kw]` */
  readonly kernel: readonly [number, number];
  /** Factors of each group. */
  readonly groups: readonly Factors[];
  /** `[O]`; absent when the convolution has none. */
  readonly bias?: Float32Array;
  readonly layout: Layout;
}

interface Emitter {
  readonly nodes: Node[];
  readonly constants: [string, Tensor][];
}

type ConvAttrs = Partial<NodeOf<'conv2d'>['attrs']>;

/** Adds a convolution named `<conv>/<role>`; the last one gives the replaced value. */
function emitConv(
  to: Emitter,
  r: Replacement,
  role: string,
  [input, weight]: readonly [string, Tensor],
  attrs: ConvAttrs,
  more: { last?: boolean; bias?: Float32Array } = {},
): string {
  const { conv } = r;
  const name = `${conv.name}/${role}`;
  to.constants.push([`${name}.weight`, weight]);
  const inputs = [input, `${name}.weight`];
  if (more.bias) {
    to.constants.push([`${name}.bias`, float32([more.bias.length], more.bias)]);
    inputs.push(`${name}.bias`);
  }
  const residual = more.last ? conv.inputs[3] : undefined;
  if (residual) inputs.push(...(more.bias ? [] : ['']), residual);
  const output = more.last ? (conv.outputs[0] as string) : name;
  to.nodes.push(
    makeNode(
      'conv2d',
      name,
      inputs,
      { ...attrs, ...(more.last ? { activation: conv.attrs.activation } : {}) },
      { outputs: [output], origin: conv.origin },
    ),
  );
  return output;
}

const spatialAttrs = ({ attrs }: NodeOf<'conv2d'>): ConvAttrs => ({
  stride: attrs.stride,
  pads: attrs.pads,
  dilation: attrs.dilation,
});

/** The common number of terms of all channels, or `undefined` when they differ. */
function uniformTerms(groups: readonly Factors[]): number | undefined {
  const counts = groups.flatMap((factors) => [...termsPerChannel(factors)]);
  return counts.every((count) => count === counts[0]) ? counts[0] : undefined;
}

/** Depthwise weights `[terms, 1, kh, kw]` of the chosen terms of all groups. */
function depthwiseWeights(r: Replacement, choose: (factors: Factors) => number[]): Tensor {
  const [kh, kw] = r.kernel;
  const rows = r.groups.flatMap((factors) =>
    choose(factors).map((term) => factors.depthwise.subarray(term * kh * kw, (term + 1) * kh * kw)),
  );
  const data = new Float32Array(rows.length * kh * kw);
  rows.forEach((row, place) => data.set(row, place * kh * kw));
  return float32([rows.length, 1, kh, kw], data);
}

/** dw-pw: weights `[O, terms, 1, 1]` of each group, stacked; the chosen terms are the columns. */
function columnWeights(groups: readonly Factors[], choose: (factors: Factors) => number[]): Tensor {
  const parts = groups.map((factors) => {
    const terms = choose(factors);
    const data = new Float32Array(factors.outputs * terms.length);
    for (let output = 0; output < factors.outputs; output++)
      terms.forEach(
        (term, place) =>
          (data[output * terms.length + place] = factors.pointwise[
            term * factors.outputs + output
          ] as number),
      );
    return { data, outputs: factors.outputs, terms: terms.length };
  });
  return stack(
    parts.map(({ data }) => data),
    parts.reduce((sum, part) => sum + part.outputs, 0),
    parts[0]?.terms ?? 0,
  );
}

/** pw-dw: weights `[terms, I, 1, 1]` of each group, stacked; the chosen terms are the rows. */
function rowWeights(groups: readonly Factors[], choose: (factors: Factors) => number[]): Tensor {
  const parts = groups.map((factors) =>
    Float32Array.from(
      choose(factors).flatMap((term) => [
        ...factors.pointwise.subarray(term * factors.inputs, (term + 1) * factors.inputs),
      ]),
    ),
  );
  const inputs = groups[0]?.inputs ?? 0;
  return stack(parts, parts.reduce((sum, part) => sum + part.length, 0) / inputs, inputs);
}

function stack(parts: readonly Float32Array[], rows: number, columns: number): Tensor {
  const data = new Float32Array(rows * columns);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return float32([rows, columns, 1, 1], data);
}

const allTerms = (factors: Factors): number[] => Array.from(factors.of, (_, term) => term);
/** Term `index` of every channel; channels must have equally many, sorted by channel. */
const termOfEach =
  (index: number, perChannel: number) =>
  (factors: Factors): number[] =>
    allTerms(factors).filter((term) => term % perChannel === index);

function emitDepthwiseFirst(to: Emitter, r: Replacement): void {
  const { conv, groups } = r;
  const spatial = spatialAttrs(conv);
  const bias = r.bias ? { bias: r.bias } : {};
  const uniform = uniformTerms(groups);
  const total = groups.reduce((sum, factors) => sum + factors.of.length, 0);
  const [first] = groups as [Factors];
  let input = conv.inputs[0] as string;
  let channels = first.inputs * groups.length;
  if (uniform === undefined) {
    invariant(groups.length === 1, 'channels of grouped convolutions have equally many terms');
    input = `${conv.name}/channels`;
    channels = total;
    to.constants.push([`${input}.indices`, int64([...first.of])]);
    to.nodes.push(
      makeNode(
        'gather',
        input,
        [conv.inputs[0] as string, `${input}.indices`],
        { axis: 1 },
        { origin: conv.origin },
      ),
    );
  }
  if (r.layout === 'chains' && uniform !== undefined && uniform > 1) {
    const sums = Array.from({ length: uniform }, (_, term) => {
      const choose = termOfEach(term, uniform);
      const features = emitConv(to, r, `depthwise${term}`, [input, depthwiseWeights(r, choose)], {
        ...spatial,
        groups: channels,
      });
      return emitConv(
        to,
        r,
        `pointwise${term}`,
        [features, columnWeights(groups, choose)],
        { groups: groups.length },
        term === 0 ? bias : {},
      );
    });
    emitSum(to, r, sums);
    return;
  }
  const features = emitConv(to, r, 'depthwise', [input, depthwiseWeights(r, allTerms)], {
    ...spatial,
    groups: channels,
  });
  emitConv(
    to,
    r,
    'pointwise',
    [features, columnWeights(groups, allTerms)],
    { groups: groups.length },
    { last: true, ...bias },
  );
}

/** Adds up the chains; the last sum gives the replaced value, with the residual and the activation. */
function emitSum(to: Emitter, { conv }: Replacement, terms: readonly string[]): void {
  const operands = [...terms, ...(conv.inputs[3] ? [conv.inputs[3]] : [])];
  let sum = operands[0] as string;
  operands.slice(1).forEach((operand, index) => {
    const last = index === operands.length - 2;
    const name = `${conv.name}/sum${index + 1}`;
    const output = last ? (conv.outputs[0] as string) : name;
    to.nodes.push(
      makeNode(
        'add',
        name,
        [sum, operand],
        { activation: last ? conv.attrs.activation : null },
        { outputs: [output], origin: conv.origin },
      ),
    );
    sum = output;
  });
}

function emitPointwiseFirst(to: Emitter, r: Replacement): void {
  const { conv, groups } = r;
  const spatial = spatialAttrs(conv);
  const [first] = groups as [Factors];
  const outputs = first.outputs * groups.length;
  const input = conv.inputs[0] as string;
  const bias = r.bias ? { bias: r.bias } : {};
  const uniform = uniformTerms(groups);
  if (uniform === undefined) return emitClasses(to, r, first);
  if (r.layout === 'chains' && uniform > 1) {
    const sums = Array.from({ length: uniform }, (_, term) => {
      const choose = termOfEach(term, uniform);
      const features = emitConv(to, r, `pointwise${term}`, [input, rowWeights(groups, choose)], {
        groups: groups.length,
      });
      return emitConv(
        to,
        r,
        `depthwise${term}`,
        [features, depthwiseWeights(r, choose)],
        { ...spatial, groups: outputs },
        term === 0 ? bias : {},
      );
    });
    emitSum(to, r, sums);
    return;
  }
  const features = emitConv(to, r, 'pointwise', [input, rowWeights(groups, allTerms)], {
    groups: groups.length,
  });
  emitConv(
    to,
    r,
    'depthwise',
    [features, grouped(depthwiseWeights(r, allTerms), uniform)],
    { ...spatial, groups: outputs },
    { last: true, ...bias },
  );
}

/** `[O·T, 1, kh, kw]` as `[O, T, kh, kw]`. */
const grouped = (weights: Tensor, terms: number): Tensor => ({
  ...weights,
  shape: [(weights.shape[0] as number) / terms, terms, ...weights.shape.slice(2)],
});

/** pw-dw with unequal terms: outputs of equally many terms share a pair of convolutions. */
function emitClasses(to: Emitter, r: Replacement, factors: Factors): void {
  const { conv } = r;
  invariant(
    r.groups.length === 1 && !conv.inputs[3],
    'unequal terms are for one group without a residual',
  );
  const counts = termsPerChannel(factors);
  const order: number[] = [];
  const parts = [...new Set(counts)]
    .sort((a, b) => a - b)
    .map((terms) => {
      const members = [...counts.keys()].filter((output) => counts[output] === terms);
      order.push(...members);
      const inClass = new Set(members);
      const choose = (f: Factors): number[] =>
        allTerms(f).filter((term) => inClass.has(f.of[term] as number));
      const features = emitConv(
        to,
        r,
        `pointwise-of-${terms}`,
        [conv.inputs[0] as string, rowWeights([factors], choose)],
        {},
      );
      const bias = r.bias
        ? { bias: Float32Array.from(members, (output) => r.bias?.[output] as number) }
        : {};
      const attrs = {
        ...spatialAttrs(conv),
        groups: members.length,
        activation: conv.attrs.activation,
      };
      return emitConv(
        to,
        r,
        `depthwise-of-${terms}`,
        [features, grouped(depthwiseWeights(r, choose), terms)],
        attrs,
        bias,
      );
    });
  const joined = `${conv.name}/classes`;
  to.nodes.push(makeNode('concat', joined, parts, { axis: 1 }, { origin: conv.origin }));
  const places = order.map((_, output) => order.indexOf(output));
  to.constants.push([`${conv.name}/outputs.indices`, int64(places)]);
  to.nodes.push(
    makeNode(
      'gather',
      `${conv.name}/outputs`,
      [joined, `${conv.name}/outputs.indices`],
      { axis: 1 },
      { outputs: [conv.outputs[0] as string], origin: conv.origin },
    ),
  );
}

/** The patch that replaces the convolution. */
export function emitReplacement(replacement: Replacement): Patch {
  const to: Emitter = { nodes: [], constants: [] };
  if (replacement.groups[0]?.form === 'dw-pw') emitDepthwiseFirst(to, replacement);
  else emitPointwiseFirst(to, replacement);
  return { remove: [replacement.conv.name], add: to.nodes, constants: to.constants };
}
