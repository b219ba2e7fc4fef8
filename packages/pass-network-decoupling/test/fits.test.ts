import { interpreterBackend } from '@decouple/backend';
import {
  createCalibration,
  tensorDataset,
  type Calibration,
  type Dataset,
} from '@decouple/calibration';
import { relativeError, smallNet, texturedImages } from '@decouple/conformance';
import { dataMetric, rectifiedTarget, type Metric } from '@decouple/decomposition';
import { verify, type Graph } from '@decouple/ir';
import { parsePipeline, runPipeline } from '@decouple/pass-manager';
import {
  decomposeSlices,
  equivalentKernel,
  firstTerms,
  fitFactors,
  networkDecouplingPasses,
  selectTerms,
  type Form,
} from '@decouple/pass-network-decoupling';
import { createRandom, normals } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { eliminate } from '../src/eliminate.ts';
import { errorOf } from '../src/fit.ts';
import { featureCross, featureGram } from '../src/fit-dw-pw.ts';
import { whitenedSlices } from '../src/whiten.ts';

const size = { inputs: 6, outputs: 8, taps: 9 };
const patch = size.inputs * size.taps;

/** A metric whose patches are correlated mixtures, and a kernel whose responses are the targets. */
function syntheticMetric(seed: number, alpha = 1e-4): { metric: Metric; kernel: Float64Array } {
  const random = createRandom(seed);
  const rows = 300;
  const mixing = normals(random, patch * patch, 1 / Math.sqrt(patch));
  const kernel = Float64Array.from(normals(random, size.outputs * patch));
  const covariance = new Float64Array(patch * patch);
  const cross = new Float64Array(patch * size.outputs);
  let variance = 0;
  for (let row = 0; row < rows; row++) {
    const source = normals(random, patch);
    const x = Float64Array.from({ length: patch }, (_, i) =>
      source.reduce(
        (sum, value, j) => sum + value * (mixing[i * patch + j] as number),
        source[i] as number,
      ),
    );
    const y = Float64Array.from({ length: size.outputs }, (_, o) =>
      x.reduce((sum, value, i) => sum + value * (kernel[o * patch + i] as number), 0),
    );
    for (let i = 0; i < patch; i++) {
      for (let j = 0; j < patch; j++)
        covariance[i * patch + j] =
          (covariance[i * patch + j] as number) + ((x[i] as number) * (x[j] as number)) / rows;
      for (let o = 0; o < size.outputs; o++)
        cross[i * size.outputs + o] =
          (cross[i * size.outputs + o] as number) + ((x[i] as number) * (y[o] as number)) / rows;
    }
    variance += y.reduce((sum, value) => sum + value * value, 0) / rows;
  }
  const moments = {
    rows,
    size: patch,
    outputs: size.outputs,
    meanPatch: new Float64Array(patch),
    meanTarget: new Float64Array(size.outputs),
    covariance,
    cross,
    targetVariance: variance,
  };
  return { metric: dataMetric(moments, kernel, size, alpha), kernel };
}

describe.each<Form>(['dw-pw', 'pw-dw'])('fits in the data metric: %s', (form) => {
  const { metric, kernel } = syntheticMetric(1);
  const start = selectTerms(kernel, decomposeSlices(kernel, size, form), firstTerms(2));
  test('refitting never makes it worse, and alternation goes on improving', () => {
    const errors = [
      errorOf(metric, start),
      ...[0, 1, 2, 4].map((rounds) => errorOf(metric, fitFactors(metric, start, rounds))),
    ];
    for (let index = 1; index < errors.length; index++)
      expect(errors[index]).toBeLessThanOrEqual((errors[index - 1] as number) * (1 + 1e-9));
    expect(errors[1]).toBeLessThan(errors[0] as number);
    expect(errors[4]).toBeLessThan((errors[1] as number) * 0.99);
  });
  test('the pointwise refit is a stationary point', () => {
    const fitted = fitFactors(metric, start, 0);
    const base = errorOf(metric, fitted);
    const random = createRandom(3);
    for (let trial = 0; trial < 5; trial++) {
      const moved = fitted.pointwise.map((value) => value + 1e-3 * random.normal());
      expect(errorOf(metric, { ...fitted, pointwise: moved })).toBeGreaterThan(base);
    }
  });
  test('all terms fit exactly', () => {
    const all = selectTerms(kernel, decomposeSlices(kernel, size, form), firstTerms(9));
    expect(errorOf(metric, fitFactors(metric, all, 0))).toBeLessThan(1e-9);
  });
});

test('a ridge of great weight gives the kernel of the weights alone', () => {
  const { metric, kernel } = syntheticMetric(2, 1e9);
  const start = selectTerms(kernel, decomposeSlices(kernel, size, 'dw-pw'), firstTerms(3));
  const fitted = equivalentKernel(fitFactors(metric, start, 0));
  equivalentKernel(start).forEach((value, index) => expect(fitted[index]).toBeCloseTo(value, 6));
});

describe('backward elimination', () => {
  const { metric, kernel } = syntheticMetric(4);
  const all = selectTerms(kernel, whitenedSlices(metric, kernel), () => true);
  const gram = featureGram(metric, all.of, all.depthwise);
  const cross = featureCross(metric.cross, metric.outputs, metric.taps, all.of, all.depthwise);
  const result = eliminate(gram, cross, metric.outputs, metric.power);
  /** Error of a least-squares fit with some features, straight from the definition. */
  const errorWith = (kept: ReadonlySet<number>): number => {
    const terms = [...kept].sort((a, b) => a - b);
    const factors = {
      ...all,
      of: Int32Array.from(terms, (term) => all.of[term] as number),
      depthwise: Float64Array.from(
        terms.flatMap((term) => [...all.depthwise.subarray(term * 9, term * 9 + 9)]),
      ),
      pointwise: new Float64Array(terms.length * metric.outputs),
    };
    return errorOf(metric, fitFactors(metric, factors, 0)) * metric.targetVariance;
  };
  test('losses add up to the error of the features that are left', () => {
    let error = result.start;
    const kept = new Set(all.of.keys());
    result.order.forEach((feature, place) => {
      kept.delete(feature);
      error += result.losses[place] as number;
      if (place % 10 === 9 && kept.size) expect(error / errorWith(kept)).toBeCloseTo(1, 5);
    });
    expect(error / metric.power).toBeCloseTo(1, 6);
  });
  test('the first feature dropped is the one whose loss is least', () => {
    const every = new Set(all.of.keys());
    const losses = [...every].map((feature) =>
      errorWith(new Set([...every].filter((other) => other !== feature))),
    );
    expect(
      errorWith(new Set([...every].filter((other) => other !== result.order[0]))) /
        Math.min(...losses),
    ).toBeCloseTo(1, 6);
  });
  test('it beats the same number of equal terms', () => {
    const kept = new Set(result.order.slice(result.order.length - 12));
    const equal = selectTerms(kernel, whitenedSlices(metric, kernel), firstTerms(2));
    expect(errorWith(kept)).toBeLessThan(
      errorOf(metric, fitFactors(metric, equal, 0)) * metric.targetVariance,
    );
  });
});

test('the rectified target minimises its objective', () => {
  const random = createRandom(9);
  for (let trial = 0; trial < 200; trial++) {
    const [target, fitted, shortcut, lambda] = [
      random.normal(),
      random.normal(),
      random.normal(),
      0.05 + random.uniform(),
    ];
    const objective = (z: number): number =>
      (Math.max(z + shortcut, 0) - Math.max(target + shortcut, 0)) ** 2 +
      lambda * (z - fitted) ** 2;
    const best = objective(rectifiedTarget(target, fitted, shortcut, lambda));
    for (let z = -4; z <= 4; z += 0.05) expect(best).toBeLessThanOrEqual(objective(z) + 1e-12);
  }
});

describe('data-driven decoupling of a network', () => {
  const net = smallNet();
  const images = tensorDataset(texturedImages(48, 1));
  const calibrate = (dataset: Dataset): Calibration =>
    createCalibration({
      original: net,
      dataset,
      backend: interpreterBackend(),
      batchSize: 16,
      seed: 1,
    });
  const held = texturedImages(16, 99);
  const errorOfGraph = (graph: Graph): number => relativeError(graph, net, held);
  const run = async (
    text: string,
    dataset: Dataset = images,
  ): Promise<{ graph: Graph; skipped: readonly { reason: string }[] }> => {
    const calibration = calibrate(dataset);
    const { graph, passes } = await runPipeline(net, parsePipeline(text, networkDecouplingPasses), {
      calibration,
      seed: 1,
    });
    calibration.dispose();
    expect(verify(graph)).toEqual([]);
    return { graph, skipped: passes[0]?.skipped ?? [] };
  };

  test('beats the closed form on images it has not seen, at the same MACs', async () => {
    const fitted = errorOfGraph((await run('decouple{terms=2}')).graph);
    const closed = errorOfGraph((await run('decouple{terms=2, data=off}')).graph);
    expect(fitted).toBeLessThan(closed * 0.7);
  });
  test.each(['dw-pw', 'pw-dw'])('every form and refinement runs: %s', async (form) => {
    const plain = errorOfGraph((await run(`decouple{terms=3, form=${form}, adaptive=none}`)).graph);
    const refined = errorOfGraph(
      (await run(`decouple{terms=3, form=${form}, adaptive=none, relu=4}`)).graph,
    );
    expect(plain).toBeLessThan(0.5);
    expect(refined).toBeLessThan(0.5);
  });
  test.each(['none', 'energy', 'elimination'])(
    'pw-dw outputs may have unequal terms on data: %s',
    async (adaptive) => {
      const { graph } = await run(`decouple{macs=0.6x, form=pw-dw, adaptive=${adaptive}}`);
      expect(graph.nodes.some(({ name }) => name.includes('-of-'))).toBe(adaptive !== 'none');
      expect(errorOfGraph(graph)).toBeLessThan(0.3);
    },
  );
  test('on drawn images channels get equal terms unless they are told otherwise', async () => {
    const drawn: Dataset = { ...images, synthetic: true };
    const on = async (text: string, data: Dataset) => [...(await run(text, data)).graph.constants];
    const plain = await on('decouple{macs=0.5x}', drawn);
    expect(plain).toEqual(await on('decouple{macs=0.5x, adaptive=none}', drawn));
    expect(plain).not.toEqual(await on('decouple{macs=0.5x, adaptive=elimination}', drawn));
    expect(await on('decouple{macs=0.5x}', images)).toEqual(
      await on('decouple{macs=0.5x, adaptive=elimination}', images),
    );
  });
  test('layers that stay dense are refitted to their changed input', async () => {
    const text = (refit: boolean): string =>
      `decouple{terms={conv1=2, conv2=1}, form=dw-pw, refitDense=${refit}}`;
    expect(errorOfGraph((await run(text(true))).graph)).toBeLessThan(
      errorOfGraph((await run(text(false))).graph),
    );
  });
  test('same data, same seed: the same bytes', async () => {
    const [a, b] = [
      await run('decouple{macs=0.5x, relu=2}'),
      await run('decouple{macs=0.5x, relu=2}'),
    ];
    expect([...a.graph.constants]).toEqual([...b.graph.constants]);
  });
  test('without data nothing is sampled', async () => {
    const { graph } = await run('decouple{terms=2, data=off}');
    const { graph: closed } = await runPipeline(
      net,
      parsePipeline('decouple{terms=2}', networkDecouplingPasses),
      {},
    );
    expect([...graph.constants]).toEqual([...closed.constants]);
  });
});
