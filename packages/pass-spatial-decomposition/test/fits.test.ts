import { cpu } from '@decouple/backend-cpu';
import { createCalibration, tensorDataset } from '@decouple/calibration';
import { convGraph, convOf, relativeError, smallNet, texturedImages } from '@decouple/conformance';
import { kernelError, layerOf, type Layer, type Metric } from '@decouple/decomposition';
import { verify, type Graph } from '@decouple/ir';
import { addGram, gemm, symmetrize } from '@decouple/linalg';
import { parsePipeline, runPipeline } from '@decouple/pass-manager';
import {
  decomposeWeights,
  equivalentKernel,
  fitFactors,
  spatialDecompositionPasses,
  splitOf,
  type Factors,
  type Order,
} from '@decouple/pass-spatial-decomposition';
import { createRandom, normals } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import {
  explainedPerRank,
  refitFirst,
  secondSolver,
  splitMetric,
  startFromMetric,
} from '../src/fit.ts';

/** A layer of 5 → 7 channels with a 3×4 kernel. */
function layerOfTest(): Layer {
  const graph = convGraph({ x: [1, 5, 9, 9], kernel: [7, 3, 4] });
  return layerOf(graph, convOf(graph)) as Layer;
}

/** Patches that are correlated mixtures, and the responses of the layer's kernel. */
function metricOf({ group, weight }: Layer): Metric {
  const size = group.inputs * group.taps;
  const [rows, { outputs }] = [4 * size, group];
  const random = createRandom(2);
  const mixing = Float64Array.from(normals(random, size * size, 1 / Math.sqrt(size)));
  const source = Float64Array.from(normals(random, rows * size));
  const x = gemm({ m: rows, n: size, k: size, a: source, b: mixing });
  const gram = new Float64Array(size * size);
  addGram(gram, x, rows, size);
  symmetrize(gram, size);
  const kernel = Float64Array.from(weight);
  const cross = gemm({ m: size, n: outputs, k: size, a: gram, b: kernel, transB: true });
  let power = 0;
  for (let at = 0; at < size; at++)
    for (let output = 0; output < outputs; output++)
      power += (kernel[output * size + at] as number) * (cross[at * outputs + output] as number);
  return {
    ...group,
    size,
    gram,
    cross,
    pull: new Float64Array(size * outputs),
    meanPatch: new Float64Array(size),
    meanTarget: new Float64Array(outputs),
    power,
    targetVariance: power,
  };
}

describe.each<Order>(['vertical-first', 'horizontal-first'])(
  'fits in the data metric: %s',
  (order) => {
    const layer = layerOfTest();
    const split = splitOf(layer, order);
    const metric = metricOf(layer);
    const fit = (rank: number, rounds: number): Factors =>
      fitFactors(metric, layer.weight, split, { rank, rounds });
    const errorOf = (rank: number, rounds: number): number =>
      kernelError(metric, equivalentKernel(fit(rank, rounds), split));
    test('a fit beats the weights alone, and alternation goes on improving', () => {
      const errors = [
        kernelError(metric, equivalentKernel(decomposeWeights(layer.weight, split, 4), split)),
        ...[0, 1, 2, 4].map((rounds) => errorOf(4, rounds)),
      ];
      for (let index = 1; index < errors.length; index++)
        expect(errors[index]).toBeLessThanOrEqual((errors[index - 1] as number) * (1 + 1e-9));
      expect(errors[1]).toBeLessThan((errors[0] as number) * 0.9);
      expect(errors[4]).toBeLessThan((errors[1] as number) * 0.95);
    });
    test('the refit of each stage is a stationary point', () => {
      const second = fit(3, 1);
      const first = refitFirst(splitMetric(metric, split), second, 500);
      const random = createRandom(3);
      const move = (stage: Float64Array): Float64Array =>
        stage.map((value) => value + 1e-3 * random.normal());
      const error = (factors: Factors): number =>
        kernelError(metric, equivalentKernel(factors, split));
      expect(error(first)).toBeLessThan(error(second));
      for (let trial = 0; trial < 8; trial++) {
        expect(error({ ...second, second: move(second.second) })).toBeGreaterThan(error(second));
        expect(error({ ...first, first: move(first.first) })).toBeGreaterThan(error(first));
      }
    });
    test('the full rank fits exactly', () => {
      const full = Math.min(5 * split.firstTaps, 7 * split.secondTaps);
      expect(errorOf(full, 0)).toBeLessThan(1e-9);
    });
    test('one factorisation gives the errors of all ranks', () => {
      const own = splitMetric(metric, split);
      const { first } = startFromMetric(own, layer.weight, 8);
      const rows = first.length / 8;
      let left = metric.power;
      explainedPerRank(own, first).forEach((explained, index) => {
        left -= explained;
        const fitted = secondSolver(own, first.slice(0, (index + 1) * rows))(own.cross);
        const error = kernelError(metric, equivalentKernel(fitted, split));
        expect(left / metric.targetVariance / error).toBeCloseTo(1, 6);
      });
    });
  },
);

describe('data-driven spatial decomposition of a network', () => {
  const net = smallNet();
  const held = texturedImages(16, 99);
  const run = async (text: string): Promise<Graph> => {
    const calibration = createCalibration({
      original: net,
      dataset: tensorDataset(texturedImages(48, 1)),
      backend: cpu(),
      batchSize: 16,
      seed: 1,
    });
    const pipeline = parsePipeline(text, spatialDecompositionPasses);
    const { graph } = await runPipeline(net, pipeline, { calibration, seed: 1 });
    calibration.dispose();
    expect(verify(graph)).toEqual([]);
    return graph;
  };
  const errorAfter = async (text: string): Promise<number> =>
    relativeError(await run(text), net, held);

  test('beats the closed form on images it has not seen, at the same MACs', async () => {
    const options = 'rank=8, order=vertical-first';
    const fitted = await errorAfter(`spatial-decompose{${options}}`);
    const closed = await errorAfter(`spatial-decompose{${options}, data=off}`);
    expect(fitted).toBeLessThan(closed * 0.7);
  });
  test.each(['vertical-first', 'horizontal-first'])(
    'the ReLU-aware refinement runs: %s',
    async (order) => {
      expect(
        await errorAfter(`spatial-decompose{speedup=1.5, order=${order}, relu=4}`),
      ).toBeLessThan(0.5);
    },
  );
  test('same data, same seed: the same bytes', async () => {
    const [a, b] = [
      await run('spatial-decompose{macs=0.5x, relu=2}'),
      await run('spatial-decompose{macs=0.5x, relu=2}'),
    ];
    expect([...a.constants]).toEqual([...b.constants]);
  });
  test('without data nothing is sampled', async () => {
    const closed = await runPipeline(
      net,
      parsePipeline('spatial-decompose{rank=8}', spatialDecompositionPasses),
      {},
    );
    const off = await run('spatial-decompose{rank=8, data=off}');
    expect([...off.constants]).toEqual([...closed.graph.constants]);
  });
});
