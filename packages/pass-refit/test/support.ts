import { interpreterBackend } from '@decouple/backend';
import { createCalibration, tensorDataset, type Calibration } from '@decouple/calibration';
import { graphBuilder, interpret, type AttrsInput, type Graph } from '@decouple/ir';
import { parsePipeline, runPipeline } from '@decouple/pass-manager';
import { networkDecouplingPasses } from '@decouple/pass-network-decoupling';
import { refitPasses } from '@decouple/pass-refit';
import { createRandom, float32, normals, sizeOf, type Tensor } from '@decouple/tensor';

export const randomTensor = (
  shape: readonly number[],
  seed: number,
  scale = 1,
): Tensor<'float32'> => float32(shape, normals(createRandom(seed), sizeOf(shape), scale));

/** Smooth random fields, so that patches are correlated as in pictures. */
export function images(count: number, seed: number): Tensor<'float32'> {
  const noise = randomTensor([count, 3, 10, 10], seed);
  const data = noise.data.slice();
  for (let round = 0; round < 2; round++)
    for (let index = 1; index < data.length; index++)
      data[index] = 0.6 * (data[index - 1] as number) + 0.8 * (noise.data[index] as number);
  return { ...noise, data };
}

/** conv → relu → conv → relu → conv + shortcut → relu → strided conv. */
export function residualNet(seed = 3): Graph {
  const b = graphBuilder('small');
  let count = seed;
  const conv = (input: string, from: number, to: number, name: string, stride = 1): string => {
    const w = b.constant(
      `${name}.w`,
      randomTensor([to, from, 3, 3], count++, Math.sqrt(2 / (9 * from))),
    );
    const bias = b.constant(`${name}.b`, randomTensor([to], count++, 0.1));
    const attrs: AttrsInput<'conv2d'> = { stride: [stride, stride], pads: [1, 1, 1, 1] };
    return b.node('conv2d', [input, w, bias], attrs, name);
  };
  const relu = (value: string): string => b.node('relu', [value]);
  const first = relu(conv(b.input('x', ['N', 3, 10, 10]), 3, 12, 'conv1'));
  const second = relu(conv(first, 12, 12, 'conv2'));
  const sum = relu(b.node('add', [conv(second, 12, 12, 'conv3'), first], {}, 'sum'));
  return b.build([conv(sum, 12, 16, 'conv4', 2)]);
}

export const held = images(16, 99);
export const outputOf = (graph: Graph): Float32Array =>
  interpret(graph, { x: held })[graph.outputs[0] as string]?.data as Float32Array;

/** Squared error of the output on images that no fit has seen, relative to its power. */
export function errorAgainst(original: Graph, graph: Graph): number {
  const [a, b] = [outputOf(original), outputOf(graph)];
  let [error, power] = [0, 0];
  a.forEach((value, index) => {
    error += ((b[index] as number) - value) ** 2;
    power += value ** 2;
  });
  return error / power;
}

export const calibrationFor = (original: Graph): Calibration =>
  createCalibration({
    original,
    dataset: tensorDataset(images(64, 1)),
    backend: interpreterBackend(),
    batchSize: 16,
    seed: 1,
  });

const passes = [...networkDecouplingPasses, ...refitPasses];

/** Runs a pipeline on `graph`, fitting to `original`. */
export async function run(original: Graph, graph: Graph, text: string) {
  const calibration = calibrationFor(original);
  try {
    return await runPipeline(graph, parsePipeline(text, passes), { calibration, seed: 1 });
  } finally {
    calibration.dispose();
  }
}
