/**
 * Convolutions and matrix products with constant weights. A thread makes all lanes of one pixel:
 *
 *   y[o] = act( b[o] + Σ_tap Σ_i W[o,i,tap] · x[pixel(tap), g·I + i] + r[o] )
 *
 * Four ways to walk the channels of a group, by its inputs I and outputs O:
 *   blocks     O and I are multiples of the lanes (or there is one group): texels of inputs, times a matrix of lanes
 *   pattern    the outputs of a texel read whole texels, always the same lanes of them: depthwise, sums of terms
 *   multiples  depthwise with a multiplier of 2, 4, 8, …: the inputs of all lanes are in one texel
 *   elements   anything else: one element for each lane
 */
import type { Activation, NodeOf } from '@decouple/ir';
import { floats, type Tensor } from '@decouple/tensor';
import {
  activate,
  hosted,
  type Delegation,
  type KernelContext,
  type KernelPlan,
} from '../kernel.ts';
import { range, sum, type Writer } from '../writer.ts';
import { forTaps, type WindowAttrs } from './pool.ts';

interface Layer {
  readonly input: string;
  readonly weight: Float32Array;
  readonly bias: Tensor<'float32'> | undefined;
  readonly residual: string;
  readonly groups: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly window: WindowAttrs;
  readonly activation: Activation;
}

/** How a layer's channels are walked, and the name of its kernel. */
type Walk = (
  w: Writer,
  layer: Layer,
  totals: readonly string[],
) => (read: (block: string) => string[], element: (channel: string) => string, tap: string) => void;

const tapsOf = ({ window }: Layer): number => window.kernel[0] * window.kernel[1];

/** Rows longer than this are cut, so that textures stay within all limits. */
const longestRow = 4096;

/** Blocks of inputs times matrices: row (output block, tap, part), column an input channel, texel its outputs. */
const blocks: Walk = (w, layer, totals) => {
  const { lanes } = w.target;
  const { groups, inputs, outputs, weight } = layer;
  const [taps, perGroup] = [tapsOf(layer), Math.ceil(inputs / lanes)];
  const parts = Math.ceil((perGroup * lanes) / longestRow);
  const perPart = Math.ceil(perGroup / parts);
  const outBlocks = Math.ceil(outputs / lanes);
  const width = perPart * lanes;
  const texels = new Float32Array(width * outBlocks * taps * parts * lanes);
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++)
      for (let tap = 0; tap < taps; tap++) {
        const row = (Math.floor(o / lanes) * taps + tap) * parts + Math.floor(i / width);
        texels[(row * width + (i % width)) * lanes + (o % lanes)] = weight[
          (o * inputs + i) * taps + tap
        ] as number;
      }
  const fetch = w.table({ width, height: outBlocks * taps * parts, texels });
  const group = groups === 1 ? '0' : w.quotient(w.block, outputs / groups / lanes);
  const first = w.let(sum([group, perGroup]));
  return (read, _, tap) => {
    const part = (index: string, count: number): void => {
      const row = w.let(sum([w.block, taps * parts], [tap, parts], [index, 1]));
      w.loop(count, (step) => {
        const x = read(w.let(sum([first, 1], [index, perPart], [step, 1])));
        const factors = range(lanes).map((lane) =>
          w.lanesOf(fetch(row, sum([step, lanes], [`${lane}`, 1]))),
        );
        totals.forEach((total, lane) => {
          const products = x.map((value, from) => `${value} * ${factors[from]?.[lane]}`);
          w.line(`${total} += ${products.join(' + ')};`);
        });
      });
    };
    const rest = perGroup - (parts - 1) * perPart;
    if (rest === perPart) w.loop(parts, (index) => part(index, perPart));
    else {
      w.loop(parts - 1, (index) => part(index, perPart));
      part(`${parts - 1}`, rest);
    }
  };
};

/** Row a tap; column (output block, texel of inputs, lane of the pattern). */
const pattern: Walk = (w, layer, totals) => {
  const { lanes } = w.target;
  const { groups, inputs, outputs, weight } = layer;
  const perGroup = outputs / groups;
  const taps = tapsOf(layer);
  const outBlocks = Math.ceil(outputs / lanes);
  // Inputs that each lane reads are the same for all blocks: `inputs` texels, one factor for each lane.
  const width = outBlocks * inputs;
  const texels = new Float32Array(width * taps * lanes);
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++)
      for (let tap = 0; tap < taps; tap++)
        texels[(tap * width + Math.floor(o / lanes) * inputs + i) * lanes + (o % lanes)] = weight[
          (o * inputs + i) * taps + tap
        ] as number;
  const fetch = w.table({ width, height: taps, texels });
  const perBlock = (Math.max(1, lanes / perGroup) * inputs) / lanes;
  return (read, _, tap) => {
    const x = range(perBlock).flatMap((texel) =>
      read(w.let(sum([w.block, perBlock], [`${texel}`, 1]))),
    );
    range(inputs).forEach((i) => {
      const factors = w.lanesOf(fetch(tap, sum([w.block, inputs], [`${i}`, 1])));
      totals.forEach((total, lane) => {
        const from = Math.floor(lane / perGroup) * inputs + i;
        w.line(`${total} += ${x[from]} * ${factors[lane]};`);
      });
    });
  };
};

/** Row (output block, tap), column an input of the group; each lane finds its own input. */
const elements: Walk = (w, layer, totals) => {
  const { lanes } = w.target;
  const { groups, inputs, outputs, weight } = layer;
  const taps = tapsOf(layer);
  const outBlocks = Math.ceil(outputs / lanes);
  const texels = new Float32Array(inputs * outBlocks * taps * lanes);
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++)
      for (let tap = 0; tap < taps; tap++)
        texels[((Math.floor(o / lanes) * taps + tap) * inputs + i) * lanes + (o % lanes)] = weight[
          (o * inputs + i) * taps + tap
        ] as number;
  const fetch = w.table({ width: inputs, height: outBlocks * taps, texels });
  const perGroup = outputs / groups;
  const firsts = range(lanes).map((lane) => {
    const group = w.quotient(w.let(w.channel(lane)), perGroup);
    return w.let(sum([group, inputs]));
  });
  return (_, element, tap) => {
    const row = w.let(sum([w.block, taps], [tap, 1]));
    w.loop(inputs, (i) => {
      const factors = w.lanesOf(fetch(row, i));
      totals.forEach((total, lane) => {
        const x = element(w.let(sum([firsts[lane] as string, 1], [i, 1])));
        w.line(`${total} += ${x} * ${factors[lane]};`);
      });
    });
  };
};

/** Row a tap, column an output block. */
const multiples: Walk = (w, layer, totals) => {
  const { lanes } = w.target;
  const { groups, outputs, weight } = layer;
  const [taps, multiplier] = [tapsOf(layer), outputs / groups];
  const width = Math.ceil(outputs / lanes);
  const texels = new Float32Array(width * taps * lanes);
  for (let o = 0; o < outputs; o++)
    for (let tap = 0; tap < taps; tap++)
      texels[(tap * width + Math.floor(o / lanes)) * lanes + (o % lanes)] = weight[
        o * taps + tap
      ] as number;
  const fetch = w.table({ width, height: taps, texels });
  const first = w.quotient(w.let(w.channel(0)), multiplier);
  const block = w.quotient(first, lanes);
  const start = w.let(sum([first, 1], [block, -lanes]));
  return (read, _, tap) => {
    const x = read(block);
    const factors = w.lanesOf(fetch(tap, w.block));
    const own = range(Math.max(1, lanes / multiplier)).map((place) =>
      w.let(w.pick(x, w.let(sum([start, 1], [`${place}`, 1])))),
    );
    totals.forEach((total, lane) =>
      w.line(`${total} += ${own[Math.floor(lane / multiplier)]} * ${factors[lane]};`),
    );
  };
};

/** Texels of inputs that a pattern may hold at once. */
const widestPattern = 16;

function walkOf({ groups, inputs, outputs }: Layer, lanes: number): readonly [string, Walk] {
  const perGroup = outputs / groups;
  if (groups === 1 || (inputs % lanes === 0 && perGroup % lanes === 0)) return ['blocks', blocks];
  const fits = lanes % perGroup === 0 && ((lanes / perGroup) * inputs) % lanes === 0;
  if (fits && inputs <= widestPattern) return [inputs === 1 ? 'depthwise' : 'terms', pattern];
  const together = lanes % perGroup === 0 || perGroup % lanes === 0;
  if (inputs === 1 && together) return ['multiples', multiples];
  return ['elements', elements];
}

function planLayer(
  op: string,
  layer: Layer,
  output: string,
  context: KernelContext,
): KernelPlan | Delegation {
  const values = [layer.input, output, ...(layer.residual ? [layer.residual] : [])];
  if (values.some((value) => !context.storage(value))) return hosted;
  const w = context.writer(output);
  const bias = layer.bias && w.read(context.define(layer.bias), [{ offset: 0 }]);
  const totals = range(w.target.lanes).map((lane) => w.variable(bias?.[lane] ?? '0.0'));
  const [name, walk] = walkOf(layer, w.target.lanes);
  const step = walk(w, layer, totals);
  const columns = layer.window.kernel[1];
  const image = w.position[0] as string;
  if (w.storageOf(layer.input).shape.length === 2)
    step(
      (block) => w.lanesOf(w.texelAt(layer.input, [image, block], block)),
      (channel) => w.element(layer.input, [image, channel]),
      '0',
    );
  else
    forTaps(w, layer.input, layer.window, ([row, column], [tapRow, tapColumn]) =>
      step(
        (block) => w.lanesOf(w.texelAt(layer.input, [image, block, row, column], block)),
        (channel) => w.element(layer.input, [image, channel, row, column]),
        w.let(sum([tapRow, columns], [tapColumn, 1])),
      ),
    );
  const residual = layer.residual && w.read(layer.residual, w.own());
  const lanes = totals.map((total, lane) => {
    const result = residual ? w.let(`${total} + ${residual[lane]}`) : total;
    return w.let(activate(layer.activation, result));
  });
  return { kernel: `${op} ${name}`, launches: [w.launch(lanes)] };
}

/** Weights and bias that are known, or why there is no kernel. */
function parameters(
  node: NodeOf<'conv2d'> | NodeOf<'linear'>,
  context: KernelContext,
): { readonly weight: Tensor; readonly bias: Tensor<'float32'> | undefined } | Delegation {
  const [, weightName = '', biasName = ''] = node.inputs;
  const [weight, bias] = [context.constant(weightName), context.constant(biasName)];
  if (!weight || (biasName && !bias)) return { delegate: 'weights are computed' };
  return { weight, bias: bias as Tensor<'float32'> | undefined };
}

export function conv2d(node: NodeOf<'conv2d'>, context: KernelContext): KernelPlan | Delegation {
  const known = parameters(node, context);
  if ('delegate' in known) return known;
  const { weight, bias } = known;
  const [outputs, inputs, rows, columns] = weight.shape as [number, number, number, number];
  const { stride, pads, dilation, groups, activation } = node.attrs;
  const layer: Layer = {
    input: node.inputs[0] as string,
    weight: floats(weight),
    bias,
    residual: node.inputs[3] ?? '',
    groups,
    inputs,
    outputs,
    window: { kernel: [rows, columns], stride, pads, dilation },
    activation,
  };
  return planLayer('conv2d', layer, node.outputs[0] as string, context);
}

export function linear(node: NodeOf<'linear'>, context: KernelContext): KernelPlan | Delegation {
  const known = parameters(node, context);
  if ('delegate' in known) return known;
  const { weight, bias } = known;
  const [outputs, inputs] = weight.shape as [number, number];
  const layer: Layer = {
    input: node.inputs[0] as string,
    weight: floats(weight),
    bias,
    residual: node.inputs[3] ?? '',
    groups: 1,
    inputs,
    outputs,
    window: { kernel: [1, 1], stride: [1, 1], pads: [0, 0, 0, 0] },
    activation: node.attrs.activation,
  };
  return planLayer('linear', layer, node.outputs[0] as string, context);
}
