import { fileURLToPath } from 'node:url';
import {
  builtInPasses,
  compile,
  cpu,
  createRandom,
  difference,
  exportOnnx,
  float32,
  importOnnx,
  interpret,
  normals,
  optimize,
  totalCost,
  type Graph,
  type Tensor,
} from 'decouple';
import { onnxRuntime, openDataset, readModel } from 'decouple/node';
import { describe, expect, test } from 'vitest';

const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../../test-models/${path}`, import.meta.url));
const input = float32([2, 3, 32, 32], normals(createRandom(7), 2 * 3 * 32 * 32));
const reference = (graph: Graph): Tensor => interpret(graph, { input })['logits'] as Tensor;

describe.each(['vgg16-cifar10.onnx', 'resnet20-cifar10.onnx'])('%s', async (name) => {
  const model = await readModel(inRepository(name));
  const expected = reference(model);

  test('the cpu backend gives the answers of the interpreter', async () => {
    const session = await compile(model, cpu(), { bind: { N: 2 } });
    const { logits } = await session.run({ input });
    session.dispose();
    expect(difference(logits as Tensor, expected).maxRel).toBeLessThan(1e-5);
  });

  test.each(builtInPasses.filter(({ effect }) => effect === 'exact').map((pass) => pass.name))(
    '%s changes nothing but the graph, and nothing the second time',
    async (pass) => {
      const once = await optimize(model, pass);
      expect(difference(reference(once.graph), expected).maxRel).toBeLessThan(1e-5);
      const twice = await optimize(once.graph, pass);
      expect(twice.graph.nodes).toEqual(once.graph.nodes);
    },
  );

  test('decoupled, exported and read again, it runs alike in every engine', async () => {
    const pipeline = 'fold-batch-norm, decouple{macs=0.5x, adaptive=energy}, fuse';
    const { graph } = await optimize(model, pipeline);
    expect(totalCost(graph).macs).toBeLessThanOrEqual(totalCost(model).macs / 2);
    const again = importOnnx(exportOnnx(graph)).graph;
    const wanted = reference(graph);
    expect(difference(reference(again), wanted).maxRel).toBeLessThan(1e-5);
    for (const backend of [cpu(), onnxRuntime('onnxruntime-node')]) {
      const session = await compile(again, backend, { bind: { N: 2 } });
      const { logits } = await session.run({ input });
      session.dispose();
      expect(difference(logits as Tensor, wanted).maxRel).toBeLessThan(1e-5);
    }
  });
});

test('fitted on a few images, decoupling keeps most answers that the closed form loses', async () => {
  const model = await readModel(inRepository('resnet20-cifar10.onnx'));
  const calibration = openDataset(inRepository('cifar10-subset/calibrate'));
  const images = await openDataset(inRepository('cifar10-subset/eval')).batch([
    ...Array(40).keys(),
  ]);
  const answers = async (graph: Graph): Promise<number[]> => {
    const session = await compile(graph, cpu(), { bind: { N: 40 } });
    const scores = (await session.run({ input: images }))['logits']?.data as Float32Array;
    session.dispose();
    return Array.from({ length: 40 }, (_, image) => {
      const own = scores.subarray(10 * image, 10 * image + 10);
      return own.indexOf(Math.max(...own));
    });
  };
  const wanted = await answers(model);
  const agreement = async (options: string): Promise<number> => {
    const pipeline = `fold-batch-norm, decouple{macs=0.4x${options}}`;
    const { graph } = await optimize(model, pipeline, { calibration, samples: 64, seed: 1 });
    return (await answers(graph)).filter((answer, image) => answer === wanted[image]).length;
  };
  const [fitted, closed] = [await agreement(''), await agreement(', data=off')];
  expect(fitted).toBeGreaterThanOrEqual(34);
  expect(fitted).toBeGreaterThan(closed);
});
