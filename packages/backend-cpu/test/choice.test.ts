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
import { cpu, kernelsFor, timeKernels } from '../src/index.ts';
import { prepareNode } from '../src/node.ts';

prepareNode();

const values = (random: Random, ...shape: number[]): Tensor =>
  float32(shape, normals(random, sizeOf(shape), 0.1));

/** One padded 3×3 convolution of a square map. */
function convolution(size: number, channels: number, stride = 1): Graph {
  const b = graphBuilder('conv');
  const weight = values(createRandom(2), channels, channels, 3, 3);
  const inputs = [b.input('x', [1, channels, size, size]), b.constant('w', weight)];
  return b.build([b.node('conv2d', inputs, { pads: [1, 1, 1, 1], stride: [stride, stride] }, 'y')]);
}

const kernelsOf = (graph: Graph, winograd?: 'off' | 'f2' | 'f4'): string[] =>
  graph.nodes.flatMap((node) => kernelsFor(graph, node, { winograd }));

const usedKernel = async (graph: Graph, options: Parameters<typeof cpu>[0]): Promise<string> => {
  const executable = await cpu(options).compile(graph);
  const x = values(createRandom(1), ...(graph.inputs[0]?.type.shape as number[]));
  const steps = await executable.profile({ x }, 1);
  return steps.find(({ nodes }) => nodes[0] === 'y')?.kernel ?? '';
};

describe('the choice of kernels', () => {
  test('large maps go by large tiles, strided convolutions directly', () => {
    expect(kernelsOf(convolution(32, 16))).toEqual(['winograd-f4', 'winograd-f2', 'gemm']);
    expect(kernelsOf(convolution(32, 16, 2))).toEqual(['gemm']);
    expect(kernelsOf(convolution(64, 3))[0]).toBe('gemm');
  });

  test.each([1, 2, 3, 4, 6])(
    'depthwise ones with multiplier or terms %i go by channels',
    (factor) => {
      for (const [outputs, inputs] of [
        [16 * factor, 16],
        [16, 16 * factor],
      ] as const) {
        const b = graphBuilder('depthwise');
        const weight = values(createRandom(1), outputs, inputs / 16, 3, 3);
        const x = b.input('x', [1, inputs, 14, 14]);
        const y = b.node('conv2d', [x, b.constant('w', weight)], { groups: 16 });
        expect(kernelsOf(b.build([y]))[0]).toBe('depthwise');
      }
    },
  );

  test('the largest tile can be limited', async () => {
    const graph = convolution(16, 8);
    expect(kernelsOf(graph, 'f2')[0]).toBe('winograd-f2');
    expect(kernelsOf(graph, 'off')).toEqual(['gemm']);
    expect(await usedKernel(graph, { winograd: 'off' })).toBe('gemm 3×3');
    expect(await usedKernel(graph, { winograd: 'f2' })).toBe('winograd-f2 3×3');
    expect(await usedKernel(graph, { force: 'gemm' })).toBe('gemm 3×3');
  });

  test('kernels can be timed, and a network compiled by what was measured', async () => {
    const graph = convolution(16, 8);
    const [node] = graph.nodes;
    const times = node ? await timeKernels(graph, node, { fma: false, rounds: 1, turnMs: 1 }) : [];
    expect(times.map(({ kernel }) => kernel).sort()).toEqual(kernelsOf(graph).sort());
    expect(times.every(({ fastMs, medianMs }) => fastMs > 0 && fastMs <= medianMs)).toBe(true);
    const x = values(createRandom(1), 1, 8, 16, 16);
    const { y } = await (await cpu({ tune: true }).compile(graph)).run({ x });
    const { y: expected } = interpret(graph, { x });
    expect(difference(y as Tensor, expected as Tensor).maxRel).toBeLessThan(1e-5);
  });
});

describe('accuracy of Winograd', () => {
  test.each(['winograd-f2', 'winograd-f4'] as const)(
    '%s over 512 channels stays near exact',
    async (force) => {
      const b = graphBuilder('deep');
      const random = createRandom(5);
      const weight = float32([16, 512, 3, 3], normals(random, 16 * 512 * 9, 0.02));
      const graph = b.build([
        b.node('conv2d', [b.input('x', [1, 512, 8, 8]), b.constant('w', weight)], {}, 'y'),
      ]);
      const x = float32([1, 512, 8, 8], normals(random, 512 * 64));
      const { y } = await (await cpu({ force }).compile(graph)).run({ x });
      const { y: expected } = interpret(graph, { x });
      expect(difference(y as Tensor, expected as Tensor).maxRel).toBeLessThan(5e-6);
    },
  );
});
