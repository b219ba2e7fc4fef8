import { nanoseconds, type Rates } from '@decouple/cost-model';
import { generators } from '@decouple/conformance';
import { applyPatch, graphBuilder, makeNode, type Graph } from '@decouple/ir';
import { createRandom, float32 } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import {
  commonRates,
  cpu,
  cpuCostModel,
  predictTimes,
  probeCode,
  probeRates,
} from '../src/index.ts';
import { prepareNode } from '../src/node.ts';
import { convCandidates } from '../src/kernels/conv-candidates.ts';
import type { ConvGeometry } from '../src/kernels/conv-shape.ts';
import { workOf } from '../src/work.ts';

prepareNode();

const zeros = (...shape: number[]) =>
  float32(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));

function convThenRelu(size: number, channels: number): Graph {
  const b = graphBuilder('conv');
  const weight = b.constant('w', zeros(channels, channels, 3, 3));
  const x = b.input('x', ['N', channels, size, size]);
  const y = b.node('conv2d', [x, weight], { pads: [1, 1, 1, 1] }, 'y');
  return b.build([b.node('relu', [y], {}, 'z')]);
}

describe('predicted times', () => {
  test('count multiply-adds exactly', () => {
    const graph = convThenRelu(16, 32);
    const [node] = graph.nodes;
    const work = node && workOf(graph, node, { force: 'gemm' });
    // 16 · 16 pixels, 32 · 9 inputs, 8 vectors of outputs; two rows of outputs meet two rows of the kernel only.
    const rows = 16 - 2 / 3;
    expect(work?.['gemm.fma']).toBeCloseTo(rows * 16 * 32 * 9 * 8);
    // Of each row eight tiles of 2 pixels × 5 vectors, five of 3 × 3 that leave one of 10 sums idle, one of 1 × 3 with 7.
    expect(work?.['gemm.idle']).toBeCloseTo(rows * (5 * 1 + 7) * 32 * 9);
    const winograd = node && workOf(graph, node, { force: 'winograd-f4' });
    // 4 · 4 tiles of 36 products.
    expect(winograd?.['winograd-f4.fma']).toBe(16 * 36 * 32 * 8);
  });
  test('weights come from far where the network has more than caches hold', () => {
    const network = (layers: number): Graph => {
      const b = graphBuilder('deep');
      let x: string = b.input('x', [1, 512, 2, 2]);
      for (let layer = 0; layer < layers; layer++)
        x = b.node('conv2d', [x, b.constant(`w${layer}`, zeros(512, 512, 1, 1))], {}, `y${layer}`);
      return b.build([x]);
    };
    const farBytes = (graph: Graph): number =>
      graph.nodes.reduce((sum, node) => sum + (workOf(graph, node)['gemm.far'] ?? 0), 0);
    expect(farBytes(network(11))).toBe(0);
    expect(farBytes(network(12))).toBe(12 * 512 * 512 * 4);
  });
  test('grow with the work, and are those of the kernels that are chosen', () => {
    const cost = cpuCostModel();
    const msOf = (graph: Graph): number =>
      graph.nodes.reduce((sum, node) => sum + cost.cost(graph, node), 0);
    expect(msOf(convThenRelu(32, 32))).toBeGreaterThan(2 * msOf(convThenRelu(16, 32)));
    const [first] = predictTimes(convThenRelu(32, 64));
    expect(first?.kernel).toBe('winograd-f4');
    expect(predictTimes(convThenRelu(32, 64), { force: 'gemm' })[0]?.ms).toBeGreaterThan(
      first?.ms ?? Infinity,
    );
  });
  test('what compiling fuses away is free', () => {
    const graph = convThenRelu(16, 32);
    const [, relu] = graph.nodes;
    expect(relu && cpuCostModel().cost(graph, relu)).toBe(0);
    const alone = applyPatch(graph, {
      remove: ['y', 'z'],
      add: [makeNode('relu', 'z', ['x'], {})],
    });
    const [first] = alone.nodes;
    expect(first && cpuCostModel().cost(alone, first)).toBeGreaterThan(0);
  });
  test.each(['resnet18', 'mobilenetv1'] as const)('every node of %s has one', (name) => {
    const graph = generators[name](createRandom(1));
    for (const { node, ms } of predictTimes(graph)) expect(ms, node).toBeGreaterThanOrEqual(0);
    const total = predictTimes(graph).reduce((sum, { ms }) => sum + ms, 0);
    expect(total).toBeGreaterThan(5);
    expect(total).toBeLessThan(200);
  });
});

describe('probing', () => {
  test('gives rates that predict every kernel', async () => {
    const rates = await probeRates({ fma: false, milliseconds: 1 });
    const geometry: ConvGeometry = {
      ...{
        batch: 1,
        inRows: 9,
        padTop: 1,
        outRows: 9,
        outColumns: 9,
        groups: 1,
        channels: 7,
        outChannels: 9,
      },
      ...{ kernel: [3, 3], stride: [1, 1], dilation: [1, 1] },
    };
    for (const { work } of Object.values(convCandidates)) {
      expect(nanoseconds(work(geometry, 0), rates)).toBeGreaterThan(0);
      expect(nanoseconds(work(geometry, 0), commonRates)).toBeGreaterThan(0);
    }
  }, 60_000);
  test('its code changes with the instructions that are used', () => {
    expect(probeCode(true)).toEqual(probeCode(true));
    expect(probeCode(true)).not.toEqual(probeCode(false));
  });
  test('kernels are chosen by the rates that are given', async () => {
    const dear = { ...commonRates, 'winograd-f4.fma': 100 };
    const graph = convThenRelu(32, 32);
    const x = zeros(1, 32, 32, 32);
    const kernels = async (rates: Rates): Promise<string> => {
      const executable = await cpu({ rates }).compile(graph);
      return (await executable.profile({ x }, 1)).map(({ kernel }) => kernel).join();
    };
    expect(await kernels(commonRates)).toContain('winograd-f4');
    expect(await kernels(dear)).toContain('winograd-f2');
  });
});
