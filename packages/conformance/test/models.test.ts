/** The generators: figures of the full-size networks as published, and small ones that run. */
import { interpret, totalCost, verify } from '@decouple/ir';
import { createRandom, float32, normals, sizeOf } from '@decouple/tensor';
import { describe, expect, it } from 'vitest';
import { generators, testModels } from '../src/models/index.ts';

describe('full-size networks', () => {
  it.each([
    ['resnet18', 1.814e9, 11.69e6],
    ['resnet50', 4.089e9, 25.56e6],
    ['mobilenetv1', 0.569e9, 4.23e6],
    ['densenet121', 2.834e9, 7.98e6],
    ['ssd300', 31.37e9, 26.28e6],
  ] as const)('%s has its MACs and parameters', (name, macs, params) => {
    const cost = totalCost(generators[name](createRandom(1)));
    expect(cost.macs / macs).toBeCloseTo(1, 3);
    // Running statistics of batch normalisation count as parameters here, not in the literature.
    expect(cost.params / params).toBeGreaterThan(0.999);
    expect(cost.params / params).toBeLessThan(1.02);
  });

  it('vgg16 has its MACs', () => {
    const graph = generators.vgg16(createRandom(1));
    const cost = totalCost(graph);
    expect(cost.macs).toBe(15_346_630_656 + 123_633_664);
    expect(cost.params).toBe(138_357_544);
    expect(graph.nodes.map(({ name }) => name)).toContain('conv5_3');
  });
});

describe('small networks', () => {
  it.each(testModels().map(({ name, graph }) => [name, graph] as const))(
    '%s is well formed and keeps its activations in range',
    (_name, graph) => {
      expect(verify(graph)).toEqual([]);
      const [{ name, type }] = graph.inputs as [(typeof graph.inputs)[0]];
      const shape = [2, ...(type.shape.slice(1) as number[])];
      const input = float32(shape, normals(createRandom(2), sizeOf(shape)));
      for (const value of Object.values(interpret(graph, { [name]: input }))) {
        const data = value.data as Float32Array;
        const rms = Math.sqrt(
          data.reduce((sum, element) => sum + element * element, 0) / data.length,
        );
        expect(rms).toBeGreaterThan(0.05);
        expect(rms).toBeLessThan(50);
      }
    },
  );

  it('are the same for the same seed, and differ otherwise', () => {
    const weightOf = (seed: number) =>
      testModels(seed)[0]?.graph.constants.get('conv1_1.weight')?.data;
    expect(weightOf(3)).toEqual(weightOf(3));
    expect(weightOf(3)).not.toEqual(weightOf(4));
  });
});
