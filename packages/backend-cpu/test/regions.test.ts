import { graphBuilder, interpret, type Graph } from '@decouple/ir';
import {
  createRandom,
  difference,
  float32,
  normals,
  sizeOf,
  type Random,
  type Tensor,
} from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { cpu } from '../src/index.ts';
import { nodeWorkers, prepareNode } from '../src/node.ts';

prepareNode();

const values = (random: Random, ...shape: number[]): Tensor =>
  float32(shape, normals(random, sizeOf(shape), 0.2));
const pads: [number, number, number, number] = [1, 1, 1, 1];

/** Chains whose value between, 1 × 64 × 72 × 72, is larger than 1 MiB; the first map is the residual as well. */
const chains: Readonly<Record<string, (random: Random) => Graph>> = {
  'depthwise, then pointwise': (random) => {
    const b = graphBuilder('dw-pw');
    const x = b.input('x', [1, 16, 72, 72]);
    const wide = b.node('conv2d', [x, b.constant('d', values(random, 64, 1, 3, 3))], {
      pads,
      groups: 16,
    });
    const inputs = [wide, b.constant('p', values(random, 16, 64, 1, 1)), '', x];
    return b.build([b.node('conv2d', inputs, {}, 'y')]);
  },
  'pointwise, then depthwise with stride 2': (random) => {
    const b = graphBuilder('pw-dw');
    const x = b.input('x', [1, 16, 72, 72]);
    const wide = b.node('conv2d', [x, b.constant('p', values(random, 64, 16, 1, 1))]);
    const weight = b.constant('d', values(random, 32, 2, 3, 3));
    const y = b.node('conv2d', [wide, weight], { pads, groups: 32, stride: [2, 2] }, 'y');
    return b.build([y, wide]);
  },
};

describe('regions', () => {
  for (const [name, make] of Object.entries(chains))
    test.each([1, 2])(`${name}, in strips on %d threads`, async (threads) => {
      const random = createRandom(7);
      const graph = make(random);
      const inputs = { x: values(random, 1, 16, 72, 72) };
      const executable = await cpu({ threads, workers: nodeWorkers }).compile(graph);
      const expected = interpret(graph, inputs);
      const actual = await executable.run(inputs);
      for (const output of graph.outputs) {
        const gap = difference(actual[output] as Tensor, expected[output] as Tensor);
        expect(gap.maxRel).toBeLessThan(1e-5);
      }
      const fused = (await executable.profile(inputs, 1)).filter(({ nodes }) => nodes.length === 2);
      expect(fused).toHaveLength(1);
      executable.dispose();
    });
});
