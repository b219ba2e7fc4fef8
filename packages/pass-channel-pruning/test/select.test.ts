import { dataMetric, optimalKernel, type Layer, type Metric } from '@decouple/decomposition';
import type { NodeOf } from '@decouple/ir';
import { createRandom, normals } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { eliminateChannels } from '../src/eliminate.ts';
import { errorWith } from '../src/fit.ts';
import { channelMetric, type ChannelMetric } from '../src/metric.ts';
import { channelSets, type Method } from '../src/select.ts';

/** A layer whose patches are correlated, and the metric of its own responses. */
function problem(inputs: number, outputs: number, side: number, seed: number) {
  const random = createRandom(seed);
  const taps = side * side;
  const size = inputs * taps;
  const rows = 4 * size;
  const kernel = normals(random, outputs * size);
  const mixing = normals(random, size * size, 1 / Math.sqrt(size));
  const x = new Float64Array(rows * size);
  for (let row = 0; row < rows; row++) {
    const source = normals(random, size);
    for (let i = 0; i < size; i++)
      x[row * size + i] = source.reduce(
        (sum, value, j) => sum + value * mixing[i * size + j]!,
        source[i]!,
      );
  }
  const covariance = new Float64Array(size * size);
  const cross = new Float64Array(size * outputs);
  let targetVariance = 0;
  for (let row = 0; row < rows; row++) {
    const patch = x.subarray(row * size, (row + 1) * size);
    for (let i = 0; i < size; i++)
      for (let j = 0; j < size; j++) covariance[i * size + j]! += (patch[i]! * patch[j]!) / rows;
    for (let o = 0; o < outputs; o++) {
      const y = patch.reduce((sum, value, i) => sum + value * kernel[o * size + i]!, 0);
      targetVariance += (y * y) / rows;
      for (let i = 0; i < size; i++) cross[i * outputs + o]! += (patch[i]! * y) / rows;
    }
  }
  const moments = {
    rows,
    size,
    outputs,
    meanPatch: new Float64Array(size),
    meanTarget: new Float64Array(outputs),
    covariance,
    cross,
    targetVariance,
  };
  const group = { inputs, outputs, taps };
  const metric = dataMetric(moments, kernel, group, 1e-4);
  const layer: Layer = {
    conv: {} as NodeOf<'conv2d'>,
    group,
    weight: kernel,
    size: {
      inChannels: inputs,
      outChannels: outputs,
      groups: 1,
      kernel: [side, side],
      input: [4, 4],
      output: [4, 4],
    },
  };
  return { layer, metric };
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Errors of the best fits straight from the definition, and greedy elimination by them. */
function bruteForce(metric: ChannelMetric): { order: number[]; errors: number[] } {
  let left = range(metric.channels);
  const order: number[] = [];
  const errors: number[] = [];
  while (left.length) {
    const trials = left.map((gone) => ({
      gone,
      error: errorWith(
        metric,
        left.filter((channel) => channel !== gone),
      ),
    }));
    const best = trials.reduce((a, b) => (b.error < a.error ? b : a));
    order.push(best.gone);
    errors.push(best.error);
    left = left.filter((channel) => channel !== best.gone);
  }
  return { order, errors };
}

describe('backward elimination of channels', () => {
  test.each([
    [10, 6, 3],
    [40, 5, 1],
  ])(
    '%i channels, %i outputs, side %i: each step is the cheapest, with its exact loss',
    (inputs, outputs, side) => {
      const { layer, metric } = problem(inputs, outputs, side, 2);
      const own = channelMetric(layer, metric);
      const { order, losses } = eliminateChannels(own);
      const expected = bruteForce(own);
      expect([...order]).toEqual(expected.order);
      let error = errorWith(own, range(inputs));
      losses.forEach((loss, step) => {
        error += loss;
        expect(error / own.power).toBeCloseTo(expected.errors[step]! / own.power, 8);
      });
    },
  );
});

describe('reduced metric', () => {
  const { layer, metric } = problem(8, 6, 3, 5);
  test('with eight of nine features errors are nearly the same', () => {
    const full = channelMetric(layer, metric);
    const reduced = channelMetric(layer, metric, 64);
    expect(full.features).toBe(9);
    expect(reduced.features).toBe(8);
    for (const channels of [range(8), [0, 3, 4], [7]]) {
      expect(errorWith(reduced, channels)).toBeGreaterThanOrEqual(errorWith(full, channels));
      // The ninth feature of nine hardly matters.
      expect(errorWith(reduced, channels)).toBeLessThan(
        errorWith(full, channels) + 0.05 * full.power,
      );
    }
  });
  test('keeps what one feature per channel can explain: rank-one slices lose nothing', () => {
    const { layer: wide, metric: own } = problem(6, 1, 3, 6);
    // With one output every slice has rank one.
    const reduced = channelMetric(wide, own, 6);
    expect(reduced.features).toBe(1);
    expect(errorWith(reduced, range(6)) / own.power).toBeLessThan(1e-3);
  });
});

describe.each<Method>(['elimination', 'lasso', 'l1'])('%s', (method) => {
  const { layer, metric } = problem(12, 7, 3, 8);
  const strengths = range(12).map((channel) => (channel * 5) % 12);
  test('gives sets of the wanted sizes with the errors of their best fits', () => {
    const sets = channelSets(layer, metric, [9, 6, 3], method, strengths);
    const own = channelMetric(layer, metric);
    const all = errorWith(own, range(12));
    sets.forEach(({ channels, error }, index) => {
      expect(channels).toHaveLength([9, 6, 3][index]!);
      expect([...channels]).toEqual([...new Set(channels)].sort((a, b) => a - b));
      const expected = (errorWith(own, channels) - all) / metric.targetVariance;
      expect(error).toBeCloseTo(expected, 6);
    });
  });
  test('works on weights alone', () => {
    const [set] = channelSets(layer, undefined, [4], method, strengths);
    expect(set?.channels).toHaveLength(4);
    expect(set?.error).toBeGreaterThan(0);
    expect(set?.error).toBeLessThan(1);
  });
  test('finds the channels that matter', () => {
    const plain = problem(8, 5, 1, 9);
    const weight = plain.layer.weight.map((value, at) => ([1, 4, 6].includes(at % 8) ? value : 0));
    const own = problemOf(plain.layer, plain.metric, weight);
    const norms = range(8).map((channel) => ([1, 4, 6].includes(channel) ? 1 : 0));
    const [set] = channelSets(own.layer, own.metric, [3], method, norms);
    expect([...(set?.channels ?? [])]).toEqual([1, 4, 6]);
    expect(set?.error).toBeLessThan(1e-6);
  });
});

/** The same patches with the responses of another kernel. */
function problemOf(layer: Layer, metric: Metric, weight: Float32Array) {
  const { size, outputs, gram } = metric;
  const cross = new Float64Array(size * outputs);
  for (let i = 0; i < size; i++)
    for (let o = 0; o < outputs; o++)
      for (let j = 0; j < size; j++)
        cross[i * outputs + o]! += gram[i * size + j]! * weight[o * size + j]!;
  const own = { ...metric, cross };
  const kernel = optimalKernel(own);
  const power = kernel.reduce((sum, value, at) => {
    const [o, i] = [Math.floor(at / size), at % size];
    return sum + value * cross[i * outputs + o]!;
  }, 0);
  return { layer: { ...layer, weight }, metric: { ...own, power, targetVariance: power } };
}
