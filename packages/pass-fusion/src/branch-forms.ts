/**
 * The forms in which parallel branches of one tensor x can be merged when they are summed: how to recognise a branch
 * from its last convolution, which branches go together, and the wide convolutions that replace them. The algebra is
 * in merge-branches.ts.
 */
import { producerOf, type Graph } from '@decouple/ir';
import { invariant, type Tensor } from '@decouple/tensor';
import {
  feedsOnly,
  inputOf,
  isConv,
  isPlain,
  nameWeights,
  layerInputs,
  weightsOf,
  type Conv,
} from './layers.ts';

/** Convolutions in a row, from the one that reads x to the one whose result is summed. */
export interface Branch {
  readonly convs: readonly [Conv, ...Conv[]];
}

export interface BranchForm {
  /** The branch that ends with `last`, if it is of this form. */
  branchOf(graph: Graph, last: Conv): Branch | undefined;
  /** Equal for branches that can be merged with each other. */
  keyOf(graph: Graph, branch: Branch): string;
  /** The wide convolutions, named `names`; each gives the value of its name. */
  merge(graph: Graph, branches: readonly Branch[], names: readonly string[]): MergedBranches;
  /** Roles of the wide convolutions, in order. */
  readonly roles: readonly string[];
}

export interface MergedBranches {
  readonly convs: readonly Conv[];
  readonly constants: readonly (readonly [string, Tensor])[];
}

interface Part {
  readonly data: ArrayLike<number>;
  readonly perBlock: number;
}

/** Arrays of `blocks` blocks each, joined block by block. */
export function interleave(parts: readonly Part[], blocks: number): Float64Array {
  const total = parts.reduce((sum, { perBlock }) => sum + perBlock, 0);
  const out = new Float64Array(blocks * total);
  let at = 0;
  for (let block = 0; block < blocks; block++)
    for (const { data, perBlock } of parts)
      for (let index = 0; index < perBlock; index++)
        out[at++] = data[block * perBlock + index] as number;
  return out;
}

const taps = (weight: Tensor): number => (weight.shape[2] as number) * (weight.shape[3] as number);

const weightOf = (graph: Graph, conv: Conv): Tensor<'float32'> => {
  const weights = weightsOf(graph, conv);
  invariant(weights, `'${conv.name}' has no constant weights`);
  return weights.weight;
};

/** Biases joined like their outputs; absent ones are zeros, and all absent gives none. */
export function joinBiases(
  graph: Graph,
  convs: readonly Conv[],
  blocks: number,
): Float64Array | undefined {
  const biases = convs.map((conv) => weightsOf(graph, conv)?.bias?.data);
  if (biases.every((bias) => !bias)) return undefined;
  const parts = convs.map((conv, index) => {
    const outs = weightOf(graph, conv).shape[0] as number;
    return { data: biases[index] ?? new Float64Array(outs), perBlock: outs / blocks };
  });
  return interleave(parts, blocks);
}

function sum(arrays: readonly (ArrayLike<number> | undefined)[]): Float64Array | undefined {
  const present = arrays.filter((array) => array !== undefined);
  const first = present[0];
  return (
    first &&
    Float64Array.from({ length: first.length }, (_, index) =>
      present.reduce((total, array) => total + (array[index] as number), 0),
    )
  );
}

const sumBiases = (graph: Graph, convs: readonly Conv[]): Float64Array | undefined =>
  sum(convs.map((conv) => weightsOf(graph, conv)?.bias?.data));

/** A convolution like `like` with new weights that reads `x` and gives the value of its name. */
export function wideConv(
  graph: Graph,
  like: Conv,
  parts: {
    name: string;
    x: string;
    shape: readonly number[];
    weight: Float64Array;
    bias: Float64Array | undefined;
    groups?: number;
  },
): { conv: Conv; constants: MergedBranches['constants'] } {
  const { name, x, shape, weight, bias, groups } = parts;
  const named = nameWeights(graph, name, { shape, data: weight }, bias);
  const conv = {
    ...like,
    name,
    inputs: layerInputs(x, named.weight, named.bias),
    outputs: [name],
    attrs: { ...like.attrs, groups: groups ?? like.attrs.groups },
  };
  return { conv, constants: named.constants };
}

const isFree = (graph: Graph, conv: Conv): boolean =>
  isPlain(conv) && weightsOf(graph, conv) !== undefined;

/** 1×1, one group, no padding. */
const isPointwise = (graph: Graph, conv: Conv): boolean =>
  conv.attrs.groups === 1 &&
  taps(weightOf(graph, conv)) === 1 &&
  conv.attrs.pads.every((side) => side === 0);

/** The convolution before `last`, when only `last` reads it and both could be merged. */
function pairOf(graph: Graph, last: Conv): readonly [Conv, Conv] | undefined {
  const before = producerOf(graph, inputOf(last));
  if (!isConv(before) || !isFree(graph, last) || !isFree(graph, before)) return undefined;
  return feedsOnly(graph, before, last) ? [before, last] : undefined;
}

const lastOf = (branch: Branch): Conv => branch.convs.at(-1) as Conv;
const leadOf = (branches: readonly Branch[]): Branch => branches[0] as Branch;
const spatialKey = (graph: Graph, conv: Conv): string =>
  JSON.stringify([
    inputOf(conv),
    conv.attrs.stride,
    conv.attrs.pads,
    conv.attrs.dilation,
    weightOf(graph, conv).shape.slice(2),
  ]);

const equalConvs: BranchForm = {
  roles: ['sum'],
  branchOf: (graph, last) => (isFree(graph, last) ? { convs: [last] } : undefined),
  keyOf: (graph, { convs: [conv] }) => `${spatialKey(graph, conv)} ${conv.attrs.groups}`,
  merge(graph, branches, [name]) {
    const convs = branches.map(lastOf);
    const lead = leadOf(branches).convs[0];
    const wide = wideConv(graph, lead, {
      name: name as string,
      x: inputOf(lead),
      shape: weightOf(graph, lead).shape,
      weight: sum(convs.map((conv) => weightOf(graph, conv).data)) as Float64Array,
      bias: sumBiases(graph, convs),
    });
    return { convs: [wide.conv], constants: wide.constants };
  },
};

const depthwisePointwise: BranchForm = {
  roles: ['depthwise', 'pointwise'],
  branchOf(graph, last) {
    const pair = pairOf(graph, last);
    if (!pair || !isPointwise(graph, last)) return undefined;
    const [depthwise] = pair;
    return weightOf(graph, depthwise).shape[1] === 1 ? { convs: pair } : undefined;
  },
  keyOf: (graph, branch) =>
    `${spatialKey(graph, branch.convs[0])} ${JSON.stringify(lastOf(branch).attrs.stride)}`,
  merge(graph, branches, names) {
    const depthwise = branches.map((branch) => branch.convs[0]);
    const pointwise = branches.map(lastOf);
    const lead = leadOf(branches).convs[0];
    const channels = lead.attrs.groups;
    const kernels = depthwise.map((conv) => weightOf(graph, conv));
    const matrices = pointwise.map((conv) => weightOf(graph, conv));
    const outs = (matrices[0] as Tensor).shape[0] as number;
    const first = wideConv(graph, lead, {
      name: names[0] as string,
      x: inputOf(lead),
      shape: [
        kernels.reduce((total, { shape }) => total + (shape[0] as number), 0),
        ...(kernels[0] as Tensor).shape.slice(1),
      ],
      weight: interleave(
        kernels.map(({ data }) => ({ data, perBlock: data.length / channels })),
        channels,
      ),
      bias: joinBiases(graph, depthwise, channels),
    });
    const blocks = outs * channels;
    const weight = interleave(
      matrices.map(({ data }) => ({ data, perBlock: data.length / blocks })),
      blocks,
    );
    const second = wideConv(graph, lastOf(leadOf(branches)), {
      name: names[1] as string,
      x: first.conv.name,
      shape: [outs, weight.length / outs, 1, 1],
      weight,
      bias: sumBiases(graph, pointwise),
    });
    return {
      convs: [first.conv, second.conv],
      constants: [...first.constants, ...second.constants],
    };
  },
};

const pointwiseDepthwise: BranchForm = {
  roles: ['pointwise', 'depthwise'],
  branchOf(graph, last) {
    const pair = pairOf(graph, last);
    if (!pair || !isPointwise(graph, pair[0])) return undefined;
    return weightOf(graph, last).shape[0] === last.attrs.groups ? { convs: pair } : undefined;
  },
  keyOf(graph, branch) {
    const [, ...spatial] = JSON.parse(spatialKey(graph, lastOf(branch))) as unknown[];
    return `${spatialKey(graph, branch.convs[0])} ${JSON.stringify(spatial)}`;
  },
  merge(graph, branches, names) {
    const pointwise = branches.map((branch) => branch.convs[0]);
    const depthwise = branches.map(lastOf);
    const [lead, last] = [leadOf(branches).convs[0], lastOf(leadOf(branches))];
    const outs = last.attrs.groups;
    const matrices = pointwise.map((conv) => weightOf(graph, conv));
    const kernels = depthwise.map((conv) => weightOf(graph, conv));
    const join = (weights: readonly Tensor<'float32'>[]): Float64Array =>
      interleave(
        weights.map(({ data }) => ({ data, perBlock: data.length / outs })),
        outs,
      );
    const mids = matrices.reduce((total, { shape }) => total + (shape[0] as number), 0);
    const first = wideConv(graph, lead, {
      name: names[0] as string,
      x: inputOf(lead),
      shape: [mids, ...(matrices[0] as Tensor).shape.slice(1)],
      weight: join(matrices),
      bias: joinBiases(graph, pointwise, outs),
    });
    const second = wideConv(graph, last, {
      name: names[1] as string,
      x: first.conv.name,
      shape: [outs, mids / outs, ...(kernels[0] as Tensor).shape.slice(2)],
      weight: join(kernels),
      bias: sumBiases(graph, depthwise),
    });
    return {
      convs: [first.conv, second.conv],
      constants: [...first.constants, ...second.constants],
    };
  },
};

/** Forms by what they gain: one kernel instead of several before fewer passes over the data. */
export const branchForms: readonly BranchForm[] = [
  equalConvs,
  depthwisePointwise,
  pointwiseDepthwise,
];
