import { cpu } from '@decouple/backend-cpu';
import { createCalibration, tensorDataset } from '@decouple/calibration';
import { convGraph, convOf, relativeError, smallNet, texturedImages } from '@decouple/conformance';
import {
  kernelError,
  layerOf,
  optimalKernel,
  type Layer,
  type Metric,
} from '@decouple/decomposition';
import { verify, type Graph } from '@decouple/ir';
import { addGram, gemm, symmetrize } from '@decouple/linalg';
import {
  channelDecompositionPasses,
  directing,
  equivalentKernel,
  factorsOf,
  type Directions,
  type Method,
} from '@decouple/pass-channel-decomposition';
import { parsePipeline, runPipeline } from '@decouple/pass-manager';
import { createRandom, normals } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { gains } from '../src/methods.ts';

const methods: readonly Method[] = ['weights', 'symmetric', 'asymmetric', 'reduced-rank'];

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

describe('methods in the data metric', () => {
  const layer = layerOfTest();
  const { group } = layer;
  const kernel = Float64Array.from(layer.weight);
  const metric = shifted(metricOf(layer));
  const directionsBy = (method: Method, rank: number): Directions =>
    directing(method, metric, kernel)(metric.cross, rank);
  const errorOf = (method: Method, rank: number): number =>
    kernelError(metric, equivalentKernel(factorsOf(directionsBy(method, rank), group, rank)));

  test.each(methods)('gains add up to the error at every rank: %s', (method) => {
    let left = metric.power;
    gains(metric, directionsBy(method, group.outputs)).forEach((gain, index) => {
      left -= gain;
      expect(left / metric.targetVariance).toBeCloseTo(errorOf(method, index + 1), 9);
    });
  });
  test('of optimal methods the gains are the energies', () => {
    for (const method of ['asymmetric', 'reduced-rank'] as const) {
      const directions = directionsBy(method, group.outputs);
      gains(metric, directions).forEach((gain, index) =>
        expect(gain / metric.power).toBeCloseTo(
          (directions.energy[index] as number) / metric.power,
          9,
        ),
      );
    }
  });
  test('each method is at least as good as the one before it', () => {
    for (let rank = 1; rank <= group.outputs; rank++) {
      const [, symmetric, asymmetric, reducedRank] = methods.map((m) => errorOf(m, rank));
      expect(asymmetric).toBeLessThanOrEqual((symmetric as number) + 1e-12);
      expect(reducedRank).toBeLessThanOrEqual((asymmetric as number) + 1e-12);
    }
    expect(errorOf('reduced-rank', 3)).toBeLessThan(0.99 * errorOf('asymmetric', 3));
    expect(errorOf('asymmetric', 3)).toBeLessThan(0.99 * errorOf('symmetric', 3));
    expect(errorOf('symmetric', 3)).toBeLessThan(0.99 * errorOf('weights', 3));
  });
  test('the full rank of reduced-rank is the best dense kernel', () => {
    const best = kernelError(metric, optimalKernel(metric));
    expect(errorOf('reduced-rank', group.outputs)).toBeCloseTo(best, 9);
  });
  test('no other factors of that rank are better', () => {
    const best = factorsOf(directionsBy('reduced-rank', 3), group, 3);
    const base = kernelError(metric, equivalentKernel(best));
    const random = createRandom(3);
    for (let trial = 0; trial < 10; trial++) {
      const move = (part: Float64Array): Float64Array =>
        part.map((value) => value + 0.01 * random.normal());
      const moved = { ...best, filters: move(best.filters), mixing: move(best.mixing) };
      expect(kernelError(metric, equivalentKernel(moved))).toBeGreaterThan(base);
    }
  });
});

/** Wanted responses that are not quite those of the kernel: the input of a changed network. */
function shifted(metric: Metric): Metric {
  const { size, outputs, gram } = metric;
  const noise = Float64Array.from(normals(createRandom(9), size * outputs, 0.4));
  const extra = gemm({ m: size, n: outputs, k: size, a: gram, b: noise });
  const cross = metric.cross.map((value, at) => value + (extra[at] as number));
  const power = 2 * metric.power;
  return { ...metric, cross, power, targetVariance: power };
}

describe('data-driven channel decomposition of a network', () => {
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
    const pipeline = parsePipeline(text, channelDecompositionPasses);
    const { graph } = await runPipeline(net, pipeline, { calibration, seed: 1 });
    calibration.dispose();
    expect(verify(graph)).toEqual([]);
    return graph;
  };
  const errorAfter = async (text: string): Promise<number> =>
    relativeError(await run(text), net, held);

  test('beats the closed form on images it has not seen, at the same MACs', async () => {
    const options = 'rank=8';
    const fitted = await errorAfter(`channel-decompose{${options}}`);
    const closed = await errorAfter(`channel-decompose{${options}, data=off}`);
    expect(fitted).toBeLessThan(closed * 0.7);
  });
  test('responses beat weights, and patches beat responses, on images not seen', async () => {
    const [weights, symmetric, asymmetric, reducedRank] = (await Promise.all(
      methods.map((method) => errorAfter(`channel-decompose{rank=8, method=${method}}`)),
    )) as [number, number, number, number];
    expect(Math.max(symmetric, asymmetric)).toBeLessThan(0.7 * weights);
    expect(reducedRank).toBeLessThan(Math.min(symmetric, asymmetric));
  });
  test.each(['weights', 'asymmetric', 'reduced-rank'])(
    'the ReLU-aware refinement runs: %s',
    async (method) => {
      expect(
        await errorAfter(`channel-decompose{rank=12, multiple=2, method=${method}, relu=4}`),
      ).toBeLessThan(0.5);
    },
  );
  test('same data, same seed: the same bytes', async () => {
    const [a, b] = [
      await run('channel-decompose{macs=0.5x, relu=2}'),
      await run('channel-decompose{macs=0.5x, relu=2}'),
    ];
    expect([...a.constants]).toEqual([...b.constants]);
  });
  test('without data nothing is sampled', async () => {
    const closed = await runPipeline(
      net,
      parsePipeline('channel-decompose{rank=8}', channelDecompositionPasses),
      {},
    );
    const off = await run('channel-decompose{rank=8, data=off}');
    expect([...off.constants]).toEqual([...closed.graph.constants]);
  });
});
