/**
 * Cheap repairs, channel by channel, from the responses of the original and the changed network alone: no patches, no
 * solves. With response ŷ of the changed network (after the layers before it were repaired) and y of the original,
 *
 *   correct-bias     b ← b + mean(y) - mean(ŷ)
 *   correct-scale    w ← a·w,  b ← a·b + mean(y) - a·mean(ŷ),   a = cov(y, ŷ) / var(ŷ)
 *
 * Regression is a better scale than matching variances, which amplifies noise.
 */
import { isFloat32, nextTurn, zeros, type Tensor } from '@decouple/tensor';
import { constantInput, isOp, usesOf, type Graph, type NodeOf, type Patch } from '@decouple/ir';
import type { Calibration } from '@decouple/calibration';
import { definePass, type RunContext } from '@decouple/pass-manager';
import { z } from 'zod';

/** Sums over all samples and positions, per channel. */
interface Sums {
  count: number;
  readonly y: Float64Array;
  readonly fitted: Float64Array;
  readonly product: Float64Array;
  readonly square: Float64Array;
}

function add(sums: Sums, target: Tensor<'float32'>, fitted: Tensor<'float32'>): void {
  const [samples, channels, ...rest] = target.shape as [number, number, ...number[]];
  const area = rest.reduce((product, size) => product * size, 1);
  sums.count += samples * area;
  for (let plane = 0, at = 0; plane < samples * channels; plane++) {
    const channel = plane % channels;
    let [y, f, product, square] = [0, 0, 0, 0];
    for (const end = at + area; at < end; at++) {
      const [a, b] = [target.data[at] as number, fitted.data[at] as number];
      y += a;
      f += b;
      product += a * b;
      square += b * b;
    }
    sums.y[channel] = (sums.y[channel] as number) + y;
    sums.fitted[channel] = (sums.fitted[channel] as number) + f;
    sums.product[channel] = (sums.product[channel] as number) + product;
    sums.square[channel] = (sums.square[channel] as number) + square;
  }
}

async function sumsOf(
  calibration: Calibration,
  graph: Graph,
  value: string,
  channels: number,
  signal: AbortSignal,
): Promise<Sums> {
  const targets: Tensor<'float32'>[] = [];
  await calibration.observe(
    calibration.original,
    [value],
    ({ values }) => {
      const response = values.get(value) as Tensor<'float32'>;
      targets.push({ ...response, data: response.data.slice() });
    },
    signal,
  );
  const [y, fitted, product, square] = [0, 1, 2, 3].map(() => new Float64Array(channels)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const sums: Sums = { count: 0, y, fitted, product, square };
  await calibration.observe(
    graph,
    [value],
    ({ index, values }) =>
      add(sums, targets[index] as Tensor<'float32'>, values.get(value) as Tensor<'float32'>),
    signal,
  );
  return sums;
}

type Kind = 'bias' | 'scale';

/** Slope and offset of each channel: y ≈ slope·ŷ + offset. */
function affineOf({ count, y, fitted, product, square }: Sums, kind: Kind) {
  const slope = y.map((sum, channel) => {
    if (kind === 'bias') return 1;
    const [my, mf] = [sum / count, (fitted[channel] as number) / count];
    const variance = (square[channel] as number) / count - mf * mf;
    return variance > 1e-12 ? ((product[channel] as number) / count - my * mf) / variance : 1;
  });
  const offset = y.map(
    (sum, channel) => (sum - (slope[channel] as number) * (fitted[channel] as number)) / count,
  );
  return { slope, offset };
}

function patchOf(
  graph: Graph,
  conv: NodeOf<'conv2d'>,
  { slope, offset }: ReturnType<typeof affineOf>,
): Patch | undefined {
  const weight = constantInput(graph, conv, 1);
  const bias = constantInput(graph, conv, 2) ?? zeros('float32', [offset.length]);
  if (!weight || !isFloat32(weight) || !isFloat32(bias)) return undefined;
  const per = weight.data.length / slope.length;
  const scaled = weight.data.map(
    (value, index) => value * (slope[Math.floor(index / per)] as number),
  );
  const moved = bias.data.map(
    (value, channel) => value * (slope[channel] as number) + (offset[channel] as number),
  );
  const [weightName, biasName] = [`${conv.name}/corrected.weight`, `${conv.name}/corrected.bias`];
  return {
    remove: [conv.name],
    add: [{ ...conv, inputs: [conv.inputs[0] as string, weightName, biasName] }],
    constants: [
      [weightName, { ...weight, data: scaled }],
      [biasName, { ...bias, data: moved }],
    ],
  };
}

/** Repairs every convolution whose response the original network has, in order. */
async function correct(kind: Kind, graph: Graph, context: RunContext<'corrected'>): Promise<Graph> {
  const { calibration, signal } = context;
  if (!calibration) return graph;
  const { original } = calibration;
  let current = graph;
  const convs = graph.nodes.filter((node) => isOp(node, 'conv2d'));
  for (const [index, conv] of convs.entries()) {
    await nextTurn(signal);
    context.progress(index, convs.length, conv.name);
    const value = conv.outputs[0] as string;
    const known = original.types.has(value) && usesOf(original).producer.has(value);
    if (!known || conv.inputs[3] || conv.attrs.activation) {
      context.note(
        conv.name,
        known
          ? 'the activation is already fused; correct before fuse'
          : 'the original network has no such response',
      );
      continue;
    }
    const channels = current.types.get(value)?.shape[1] as number;
    const sums = await sumsOf(calibration, current, value, channels, signal);
    const patch = patchOf(current, conv, affineOf(sums, kind));
    if (!patch) {
      context.note(conv.name, 'the weight is not a float32 constant');
      continue;
    }
    context.count('corrected');
    current = context.rewrite(current, patch, conv.name);
  }
  return current;
}

const statistics = { corrected: 'convolutions corrected' } as const;

export const correctBias = definePass({
  name: 'correct-bias',
  summary: 'Shifts every channel of a convolution to the mean response of the original network.',
  effect: 'approximate',
  options: z.strictObject({}),
  statistics,
  needs: () => ['calibration'],
  run: (graph, _, context) => correct('bias', graph, context),
});

export const correctScale = definePass({
  name: 'correct-scale',
  summary:
    'Scales and shifts every channel of a convolution towards the responses of the original network.',
  effect: 'approximate',
  options: z.strictObject({}),
  statistics,
  needs: () => ['calibration'],
  run: (graph, _, context) => correct('scale', graph, context),
});
