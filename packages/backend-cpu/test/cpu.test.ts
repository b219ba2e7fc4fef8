import { graphBuilder, interpret, type Graph } from '@decouple/ir';
import {
  createRandom,
  difference,
  float32,
  InvariantError,
  ModelError,
  normals,
  sizeOf,
  UnsupportedError,
  type Tensor,
} from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { cpu } from '../src/index.ts';
import { prepareNode } from '../src/node.ts';

prepareNode();

const random = createRandom(3);
const values = (...shape: number[]): Tensor =>
  float32(shape, normals(random, sizeOf(shape), shape.length > 1 ? 0.3 : 1));

/** Two padded convolutions with a residual, a strided pool, a classifier; the batch is symbolic. */
function smallNet(): Graph {
  const b = graphBuilder('small');
  const x = b.input('x', ['N', 3, 9, 9]);
  const pads: [number, number, number, number] = [1, 1, 1, 1];
  const first = b.node('conv2d', [x, b.constant('w1', values(8, 3, 3, 3))], { pads });
  const inputs = [first, b.constant('w2', values(8, 8, 3, 3)), b.constant('b2', values(8)), first];
  const second = b.node('conv2d', inputs, { pads, activation: { kind: 'relu' } });
  const pooled = b.node('max-pool', [second], { kernel: [3, 3], stride: [2, 2], pads });
  const flat = b.node('flatten', [pooled], { axis: 1 });
  return b.build([b.node('linear', [flat, b.constant('w3', values(5, 200))])]);
}

describe('cpu', () => {
  test.each([1, 3])('batch %i equals the interpreter', async (batch) => {
    const graph = smallNet();
    const inputs = { x: values(batch, 3, 9, 9) };
    const executable = await cpu().compile(graph, { bind: { N: batch } });
    const expected = interpret(graph, inputs)['linear1'] as Tensor;
    for (let run = 0; run < 2; run++) {
      const { linear1 } = await executable.run(inputs);
      expect(difference(linear1 as Tensor, expected).maxRel).toBeLessThan(1e-5);
    }
  });

  test('a line of pixels is written to rows with padding between them', async () => {
    const pads: [number, number, number, number] = [1, 1, 1, 1];
    for (const columns of [1, 2, 3, 4, 5, 6, 7, 8, 9, 13])
      for (const [rows, channels] of [
        [5, 11],
        [4, 32],
      ] as const) {
        const b = graphBuilder('line');
        const x = b.input('x', [1, 6, rows, columns]);
        const pointwise = (from: string, inner: number, ...others: string[]): string =>
          b.node(
            'conv2d',
            [
              from,
              b.constant(`w${from}`, values(channels, inner, 1, 1)),
              b.constant(`b${from}`, values(channels)),
              ...others,
            ],
            { activation: { kind: 'relu' } },
          );
        const padded = (from: string): string =>
          b.node('conv2d', [from, b.constant(`k${from}`, values(channels, 1, 3, 3))], {
            ...{ pads, groups: channels },
          });
        const first = pointwise(x, 6);
        const second = pointwise(padded(first), channels, first);
        const graph = b.build([padded(second), second]);
        const inputs = { x: values(1, 6, rows, columns) };
        const expected = interpret(graph, inputs);
        const executable = await cpu({ force: 'gemm' }).compile(graph);
        for (const [name, value] of Object.entries(await executable.run(inputs)))
          expect(
            difference(value, expected[name] as Tensor).maxRel,
            `${columns} columns`,
          ).toBeLessThan(1e-5);
        executable.dispose();
      }
  });

  test('results belong to the caller', async () => {
    const executable = await cpu().compile(smallNet());
    const { linear1: before } = await executable.run({ x: values(1, 3, 9, 9) });
    const copy = before?.data.slice();
    await executable.run({ x: values(1, 3, 9, 9) });
    expect(before?.data).toEqual(copy);
  });

  test('memory stays flat over 2,000 runs', async () => {
    const executable = await cpu().compile(smallNet());
    const inputs = { x: values(1, 3, 9, 9) };
    const run = async (count: number): Promise<number> => {
      for (let at = 0; at < count; at++) await executable.run(inputs);
      const { arrayBuffers, external } = process.memoryUsage();
      return arrayBuffers + external;
    };
    const before = await run(200);
    expect((await run(2000)) - before).toBeLessThan(4e6);
  });

  test('hundreds of networks can be compiled and disposed of', async () => {
    const graph = smallNet();
    for (let at = 0; at < 300; at++) (await cpu().compile(graph)).dispose();
  });

  test('profile names nodes and kernels', async () => {
    const executable = await cpu({ force: 'gemm' }).compile(smallNet());
    const times = await executable.profile({ x: values(1, 3, 9, 9) }, 3);
    expect(times.map(({ nodes, kernel }) => [kernel, ...nodes].join(' '))).toEqual([
      'convert inputs',
      'gemm 3×3 conv2d1',
      'gemm 3×3 conv2d2',
      'max pool max-pool1',
      'flatten flatten1',
      'gemm linear linear1',
    ]);
    expect(times.every(({ medianMs }) => medianMs >= 0)).toBe(true);
  });

  test('info counts bytes and names delegated nodes', async () => {
    const b = graphBuilder('rare');
    const y = b.node('matmul', [b.input('x', [2, 3]), b.constant('w', values(3, 4))]);
    const executable = await cpu().compile(b.build([y]));
    const info = executable.info();
    expect(info.delegated).toEqual([
      { node: 'matmul1', to: 'reference', reason: expect.any(String) as string },
    ]);
    expect(info.codeBytes).toBeGreaterThan(0);
  });

  test('a mean may feed a padded convolution', async () => {
    const b = graphBuilder('gate');
    const mean = b.node('global-average-pool', [b.input('x', [2, 3, 4, 4])]);
    const pads: [number, number, number, number] = [1, 1, 1, 1];
    const graph = b.build([
      b.node('conv2d', [mean, b.constant('w', values(2, 3, 3, 3))], { pads }),
    ]);
    const inputs = { x: values(2, 3, 4, 4) };
    const executable = await cpu().compile(graph);
    expect(executable.info().delegated).toEqual([]);
    const { conv2d1 } = await executable.run(inputs);
    const expected = interpret(graph, inputs)['conv2d1'] as Tensor;
    expect(difference(conv2d1 as Tensor, expected).maxRel).toBeLessThan(1e-5);
  });

  test('shapes are folded: reshape by a computed shape needs no interpreter', async () => {
    const b = graphBuilder('shapes');
    const x = b.input('x', [2, 3, 4, 4]);
    const relu = b.node('relu', [x]);
    const size = b.node('shape', [relu]);
    const sizes = b.node('cast', [size], { to: 'float32' });
    const graph = b.build([b.node('flatten', [relu], { axis: 1 }), sizes]);
    const executable = await cpu().compile(graph);
    expect(executable.info().delegated).toEqual([]);
    const outputs = await executable.run({ x: values(2, 3, 4, 4) });
    expect([...(outputs['cast1']?.data ?? [])]).toEqual([2, 3, 4, 4]);
  });
});

describe('errors of cpu', () => {
  test('inputs are checked', async () => {
    const executable = await cpu().compile(smallNet());
    await expect(executable.run({})).rejects.toThrow(ModelError);
    await expect(executable.run({ x: values(2, 3, 9, 9) })).rejects.toThrow(/compiled for/);
  });

  test('nothing runs after dispose', async () => {
    const executable = await cpu().compile(smallNet());
    executable.dispose();
    await expect(executable.run({ x: values(1, 3, 9, 9) })).rejects.toThrow(InvariantError);
  });

  test('opaque nodes are refused before compiling', async () => {
    const b = graphBuilder('odd');
    const y = b.node('opaque', [b.input('x', [1])], {
      domain: '',
      opType: 'Odd',
      opset: 17,
      payload: '',
      outputTypes: [{ dtype: 'float32', shape: [1] }],
    });
    await expect(cpu().compile(b.build([y]))).rejects.toThrow(UnsupportedError);
  });

  test('a network beyond 4 GiB is refused', async () => {
    const b = graphBuilder('huge');
    const graph = b.build([b.node('relu', [b.input('x', [1, 1024, 1024, 600])])]);
    await expect(cpu().compile(graph)).rejects.toThrow(/4 GiB/);
  });
});
