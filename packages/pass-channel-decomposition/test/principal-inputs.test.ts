import type { LayerRows } from '@decouple/calibration';
import { convGraph, convOf } from '@decouple/conformance';
import {
  kernelError,
  layerOf,
  type Fitting,
  type Layer,
  type Metric,
} from '@decouple/decomposition';
import { applyPatch, interpret, totalCost, type Graph } from '@decouple/ir';
import { addGram, gemm, symmetrize } from '@decouple/linalg';
import { channelDecomposition, onPrincipalInputs } from '@decouple/pass-channel-decomposition';
import { createRandom, float32, normals, type Tensor } from '@decouple/tensor';
import { beforeAll, describe, expect, test } from 'vitest';

/** Strided, with unequal pads, so that nothing about places can be wrong. */
const graph = convGraph({
  x: [1, 16, 9, 8],
  kernel: [12, 3, 3],
  attrs: { stride: [2, 1], pads: [1, 0, 1, 1] },
});
const layer = layerOf(graph, convOf(graph)) as Layer;
const size = layer.group.inputs * layer.group.taps;
const { outputs } = layer.group;
const rows = 3 * size;

/** Patches of few directions, and responses that are not quite those of the layer. */
const samples = (() => {
  const random = createRandom(5);
  const mixing = Float64Array.from(normals(random, size * size, 1 / Math.sqrt(size)));
  for (let at = 0; at < mixing.length; at++)
    mixing[at] = (mixing[at] as number) / (1 + Math.floor(at / size / 9));
  const source = Float64Array.from(normals(random, rows * size));
  const patches = new Float32Array(gemm({ m: rows, n: size, k: size, a: source, b: mixing }));
  const kernel = Float64Array.from(layer.weight).map((value) => value + 0.02 * random.normal());
  const targets = new Float32Array(
    gemm({ m: rows, n: outputs, k: size, a: patches, b: kernel, transB: true }),
  );
  return { patches, targets };
})();

const layerRows: LayerRows = {
  rows,
  patchSize: size,
  outChannels: outputs,
  response: { value: 'y', relu: true },
  targets: samples.targets,
  visitPatches: (visit) => Promise.resolve(visit(samples.patches, 0, rows)),
};

function metricOf(): Metric {
  const gram = new Float64Array(size * size);
  addGram(gram, samples.patches, rows, size);
  symmetrize(gram, size);
  const cross = gemm({
    m: size,
    n: outputs,
    k: rows,
    a: samples.patches,
    transA: true,
    b: samples.targets,
  });
  const power = samples.targets.reduce((sum, value) => sum + value * value, 0);
  return {
    ...layer.group,
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

/** The dense kernel of a chain of convolutions: its responses to unit inputs at (1, 1), which reads from (1, 1) on. */
function kernelOfChain(changed: Graph): Float64Array {
  const responses = (at: number): number[] => {
    const x = new Float32Array(16 * 9 * 8);
    if (at >= 0) x[at] = 1;
    const { [changed.outputs[0] as string]: y } = interpret(changed, {
      x: float32([1, 16, 9, 8], x),
    });
    const { shape, data } = y as Tensor<'float32'>;
    const [height, width] = shape.slice(2) as [number, number];
    return Array.from(
      { length: outputs },
      (_, output) => data[output * height * width + width + 1] as number,
    );
  };
  const bias = responses(-1);
  const kernel = new Float64Array(outputs * size);
  for (let index = 0; index < size; index++) {
    const [channel, tap] = [Math.floor(index / 9), index % 9];
    const place = (channel * 9 + 1 + Math.floor(tap / 3)) * 8 + 1 + (tap % 3);
    responses(place).forEach((value, output) => {
      kernel[output * size + index] = value - (bias[output] as number);
    });
  }
  return kernel;
}

describe('another method on the principal input channels', () => {
  const metric = metricOf();
  const decomposer = onPrincipalInputs(
    channelDecomposition({ method: 'auto', multiple: 1, allowCostlier: true }),
    4,
  );
  const plans = decomposer.plans(layer, [metric]);
  const fitting: Fitting = { layer, metrics: [metric], rows: layerRows, relu: 0, rounds: 2 };

  test('offers several numbers of combinations, each cheaper and worse than the next', () => {
    const counts = [...new Set(plans.map(({ columns }) => columns['inputs']))];
    expect(counts).toEqual([4, 8, 12]);
    const least = counts.map((count) =>
      Math.min(...plans.filter(({ columns }) => columns['inputs'] === count).map((p) => p.error)),
    );
    expect(least[0]).toBeGreaterThan(least[1] as number);
    expect(least[1]).toBeGreaterThan(least[2] as number);
  });

  describe.each([4, 8, 12])('%i combinations', (count) => {
    const plan = plans.filter(({ columns }) => columns['inputs'] === count)[5] as (typeof plans)[0];
    let changed: Graph;
    let error: number;
    let kernel: Float64Array;
    beforeAll(async () => {
      const built = await plan.build(fitting);
      changed = applyPatch(graph, built.patch);
      error = built.error;
      kernel = kernelOfChain(changed);
    });
    test('the reported error is that of the dense kernel that the chain stands for', () => {
      expect(kernelError(metric, kernel)).toBeCloseTo(error, 5);
    });
    test('alternating fits only lower the planned error', () => {
      expect(error).toBeLessThan(plan.error);
    });
    test('MACs and weights are those of the chain', () => {
      expect(totalCost(changed).macs).toBe(plan.macs);
      expect(plan.params).toBeLessThan(layer.weight.length * 2);
    });
  });

  test('refuses layers without anything to combine', () => {
    const refuse = (given: Parameters<typeof convGraph>[0]): string | undefined => {
      const other = convGraph(given);
      return decomposer.refuses(layerOf(other, convOf(other)) as Layer);
    };
    expect(refuse({ x: [1, 16, 9, 9], kernel: [12, 1, 1] })).toContain('pointwise');
    expect(refuse({ x: [1, 8, 9, 9], kernel: [12, 3, 3] })).toContain('too few');
    expect(decomposer.plans(layer, undefined)).toEqual([]);
  });
});
