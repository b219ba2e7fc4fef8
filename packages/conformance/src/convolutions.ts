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
