/** Convolutions, a small network and images, for tests of passes that replace convolutions. */
import { graphBuilder, interpret, type AttrsInput, type Graph, type NodeOf } from '@decouple/ir';
import { createRandom, difference, float32, normals, sizeOf, type Tensor } from '@decouple/tensor';

export const randomTensor = (
  shape: readonly number[],
  seed: number,
  scale = 1,
): Tensor<'float32'> => float32(shape, normals(createRandom(seed), sizeOf(shape), scale));

export interface ConvCase {
  readonly x: readonly [number, number, number, number];
  readonly kernel: readonly [number, number, number];
  readonly attrs?: AttrsInput<'conv2d'>;
  readonly bias?: boolean;
}

/** Convolutions of every kind: strides, dilations, pads, groups, kernels along one axis. */
export const convCases: Record<string, ConvCase> = {
  '3x3 same': { x: [2, 12, 7, 7], kernel: [10, 3, 3], attrs: { pads: [1, 1, 1, 1] } },
  'first layer': { x: [1, 3, 9, 9], kernel: [16, 3, 3], attrs: { pads: [1, 1, 1, 1] } },
  'few outputs': { x: [1, 12, 6, 6], kernel: [4, 3, 3] },
  stride: { x: [1, 12, 9, 8], kernel: [12, 3, 3], attrs: { stride: [2, 2], pads: [1, 1, 1, 1] } },
  'asymmetric pads': {
    x: [1, 12, 6, 6],
    kernel: [12, 3, 3],
    attrs: { pads: [0, 2, 1, 0] },
    bias: false,
  },
  dilation: {
    x: [1, 12, 9, 9],
    kernel: [12, 3, 3],
    attrs: { dilation: [2, 1], pads: [2, 1, 2, 1] },
  },
  '3x1': { x: [1, 12, 7, 6], kernel: [12, 3, 1], attrs: { pads: [1, 0, 1, 0] } },
  '1x5': { x: [1, 12, 6, 9], kernel: [12, 1, 5], attrs: { stride: [1, 2] } },
  '5x5': { x: [1, 30, 8, 8], kernel: [28, 5, 5], attrs: { pads: [2, 2, 2, 2] } },
  'groups 3': { x: [1, 36, 6, 6], kernel: [30, 3, 3], attrs: { groups: 3, pads: [1, 1, 1, 1] } },
  activation: {
    x: [1, 12, 6, 6],
    kernel: [12, 3, 3],
    attrs: { pads: [1, 1, 1, 1], activation: { kind: 'relu' } },
  },
};

/** A network of one convolution named `conv`. */
export function convGraph({ x, kernel, attrs = {}, bias = true }: ConvCase, seed = 1): Graph {
  const [outChannels, kh, kw] = kernel;
  const perGroup = x[1] / (attrs.groups ?? 1);
  const b = graphBuilder('one');
  const inputs = [
    b.input('x', ['N', ...x.slice(1)]),
    b.constant('w', randomTensor([outChannels, perGroup, kh, kw], seed)),
  ];
  if (bias) inputs.push(b.constant('b', randomTensor([outChannels], seed + 1)));
  return b.build([b.node('conv2d', inputs, attrs, 'conv')]);
}

export const convOf = (graph: Graph, name = 'conv'): NodeOf<'conv2d'> =>
  graph.nodes.find((node) => node.name === name) as NodeOf<'conv2d'>;

/** Largest difference of two networks' first outputs on a random input, relative to the largest value. */
export function relativeDifference(a: Graph, b: Graph, shape: readonly number[], seed = 5): number {
  const x = randomTensor(shape, seed);
  const run = (graph: Graph): Tensor =>
    interpret(graph, { [graph.inputs[0]?.name ?? 'x']: x })[graph.outputs[0] as string] as Tensor;
  return difference(run(b), run(a)).maxRel;
}

/** conv → relu → conv → relu → residual block → pooling → linear, for calibration tests. */
export function smallNet(seed = 3): Graph {
  const b = graphBuilder('small');
  let count = 0;
  const conv = (
    input: string,
    from: number,
    to: number,
    name: string,
    attrs: AttrsInput<'conv2d'> = { pads: [1, 1, 1, 1] },
  ): string => {
    const w = b.constant(
      `${name}.w`,
      randomTensor([to, from, 3, 3], seed + count++, Math.sqrt(2 / (9 * from))),
    );
    return b.node(
      'conv2d',
      [input, w, b.constant(`${name}.b`, randomTensor([to], seed + count++, 0.1))],
      attrs,
      name,
    );
  };
  const x = b.input('x', ['N', 3, 10, 10]);
  const r1 = b.node('relu', [conv(x, 3, 16, 'conv1')]);
  const r2 = b.node('relu', [conv(r1, 16, 16, 'conv2')]);
  const sum = b.node('add', [conv(r2, 16, 16, 'conv3'), r1], {}, 'sum');
  const r3 = b.node('relu', [sum]);
  const r4 = b.node('relu', [conv(r3, 16, 24, 'conv4', { stride: [2, 2], pads: [1, 1, 1, 1] })]);
  const pooled = b.node('flatten', [b.node('global-average-pool', [r4])]);
  return b.build([
    b.node(
      'linear',
      [pooled, b.constant('fc', randomTensor([5, 24], seed + 50, 0.3))],
      {},
      'logits',
    ),
  ]);
}

/** Textured images: smooth random fields, so that patches are correlated as in pictures. */
export function texturedImages(count: number, seed: number): Tensor<'float32'> {
  const noise = randomTensor([count, 3, 10, 10], seed);
  const smooth = noise.data.slice();
  for (let round = 0; round < 2; round++)
    for (let index = 1; index < smooth.length; index++)
      smooth[index] = 0.6 * (smooth[index - 1] as number) + 0.8 * (noise.data[index] as number);
  return { ...noise, data: smooth };
}

/** Squared difference of two networks' first outputs on `images`, relative to the variance of the reference's. */
export function relativeError(graph: Graph, reference: Graph, images: Tensor): number {
  const [actual, expected] = [graph, reference].map(
    (network) =>
      interpret(network, { [network.inputs[0]?.name ?? 'x']: images })[network.outputs[0] as string]
        ?.data as Float32Array,
  ) as [Float32Array, Float32Array];
  const mean = expected.reduce((sum, value) => sum + value, 0) / expected.length;
  const sumOf = (term: (value: number, index: number) => number): number =>
    expected.reduce((sum, value, index) => sum + term(value, index) ** 2, 0);
  return (
    sumOf((value, index) => (actual[index] as number) - value) / sumOf((value) => value - mean)
  );
}
