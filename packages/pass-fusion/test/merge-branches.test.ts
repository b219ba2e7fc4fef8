import { totalCost, type Graph } from '@decouple/ir';
import { describe, expect, test } from 'vitest';
import { mergeBranches } from '../src/index.ts';
import { net, run, type Net } from './kit.ts';

const same = { pads: [1, 1, 1, 1] as [number, number, number, number] };
const strided = { ...same, stride: [2, 1] as [number, number] };

describe('joined', () => {
  test('equal convolutions become one, which gives the concatenation', async () => {
    const b = net();
    const x = b.input('x', ['N', 3, 5, 4]);
    const parts = [2, 4, 3].map((outs) =>
      b.conv(x, [outs, 3, 1, 1], { stride: [2, 2] }, { bias: outs > 2 }),
    );
    const y = b.node('concat', parts, { axis: 1 });
    const { graph, ops } = await run(b.build([y]), mergeBranches);
    expect(ops).toEqual(['conv2d']);
    expect(graph.nodes[0]).toMatchObject({ name: `${y}/branches`, outputs: [y] });
  });

  test('only neighbours merge, the rest stays in its place', async () => {
    const b = net();
    const x = b.input('x', [1, 3, 4, 4]);
    const relu = { activation: { kind: 'relu' as const } };
    const parts = [
      b.conv(x, [2, 3, 1, 1]),
      b.conv(x, [2, 3, 1, 1], relu),
      b.conv(x, [3, 3, 1, 1], relu),
      b.node('sigmoid', [x]),
      b.conv(x, [2, 3, 3, 3], same),
      b.conv(x, [1, 3, 3, 3], same),
    ];
    const { ops } = await run(b.build([b.node('concat', parts, { axis: -3 })]), mergeBranches);
    expect(ops).toEqual(['conv2d', 'conv2d', 'sigmoid', 'conv2d', 'concat']);
  });

  test('must not fire: another axis, input, stride, reader, groups, the same value twice', async () => {
    const b = net();
    const [x, z] = [b.input('x', [1, 2, 4, 4]), b.input('z', [1, 2, 4, 4])];
    const pointwise = (value = x) => b.conv(value, [2, 2, 1, 1]);
    const [read, twice] = [pointwise(), pointwise()];
    const concats: [string[], number][] = [
      [[pointwise(), pointwise()], 2],
      [[pointwise(), pointwise(z)], 1],
      [[pointwise(), b.conv(x, [2, 2, 3, 3], same)], 1],
      [[pointwise(), b.conv(x, [2, 1, 1, 1], { groups: 2 })], 1],
      [[pointwise(), read], 1],
      [[twice, twice], 1],
    ];
    const outputs = concats.map(([values, axis]) => b.node('concat', values, { axis }));
    const { report, skips } = await run(
      b.build([...outputs, b.node('relu', [read])]),
      mergeBranches,
    );
    expect(report.rewrites).toBe(0);
    expect(skips).toEqual({
      'no neighbours are equal convolutions of one tensor, read only here': 5,
    });
  });
});

describe('summed', () => {
  /** The sum of `values`, as a left-leaning or right-leaning tree. */
  const sum = (b: Net, values: string[], left = true): string =>
    left
      ? values.reduce((total, value) => b.node('add', [total, value]))
      : values.reduceRight((total, value) => b.node('add', [value, total]));
  const terms = (count: number, term: (index: number) => string): string[] =>
    Array.from({ length: count }, (_, index) => term(index));

  test('depthwise → pointwise branches: multiplier, then one matrix', async () => {
    for (const left of [true, false]) {
      const b = net();
      const x = b.input('x', ['N', 4, 6, 5]);
      const branches = terms(3, (index) => {
        const multiplier = index === 1 ? 2 : 1;
        const first = b.conv(
          x,
          [4 * multiplier, 1, 3, 3],
          { ...strided, groups: 4 },
          { bias: index > 0 },
        );
        return b.conv(first, [5, 4 * multiplier, 1, 1], {}, { bias: index !== 1 });
      });
      const graph = b.build([b.node('relu', [sum(b, branches, left)])]);
      const result = await run(graph, mergeBranches);
      expect(result.ops).toEqual(['conv2d', 'conv2d', 'relu']);
      expect(result.graph.nodes[0]).toMatchObject({ attrs: { groups: 4, stride: [2, 1] } });
      expect(totalCost(result.graph).macs).toBe(totalCost(graph).macs);
    }
  });

  test('pointwise → depthwise branches: wide matrix, then groups', async () => {
    const b = net();
    const x = b.input('x', [2, 4, 6, 5]);
    const branches = terms(3, (index) => {
      const first = b.conv(x, [5, 4, 1, 1], {}, { bias: index > 0 });
      return b.conv(first, [5, 1, 3, 3], { ...strided, groups: 5 }, { bias: index !== 1 });
    });
    const { ops, graph } = await run(b.build([sum(b, branches)]), mergeBranches);
    expect(ops).toEqual(['conv2d', 'conv2d']);
    expect(graph.constants.get(graph.nodes[1]?.inputs[1] as string)?.shape).toEqual([5, 3, 3, 3]);
  });

  test('equal convolutions: one with the sum of the kernels', async () => {
    const b = net();
    const x = b.input('x', [1, 4, 5, 5]);
    const y = b.node(
      'add',
      [
        b.conv(x, [6, 2, 3, 3], { ...same, groups: 2 }),
        b.conv(x, [6, 2, 3, 3], { ...same, groups: 2 }, { bias: false }),
      ],
      { activation: { kind: 'relu' } },
    );
    const graph = b.build([y]);
    const result = await run(graph, mergeBranches);
    expect(result.ops).toEqual(['conv2d']);
    expect(result.graph.nodes[0]).toMatchObject({
      outputs: [y],
      attrs: { activation: { kind: 'relu' }, groups: 2 },
    });
    expect(totalCost(result.graph).macs * 2).toBe(totalCost(graph).macs);
  });

  test('other summands stay summands', async () => {
    const b = net();
    const x = b.input('x', [1, 3, 4, 4]);
    const branch = () =>
      b.conv(b.conv(x, [3, 1, 3, 3], { ...same, groups: 3 }), [3, 3, 1, 1], {}, { bias: false });
    const values = [x, branch(), b.node('sigmoid', [x]), branch(), b.node('tanh', [x])];
    const y = b.node('add', [sum(b, values), branch()], { activation: { kind: 'relu' } });
    const { ops, graph } = await run(b.build([y]), mergeBranches);
    expect(ops.filter((op) => op === 'conv2d')).toHaveLength(2);
    expect(ops.filter((op) => op === 'add')).toHaveLength(3);
    expect(graph.outputs).toEqual([y]);
  });

  const refused: Record<string, (b: Net, x: string) => string[]> = {
    'different inputs': (b, x) => [
      b.conv(x, [3, 3, 1, 1]),
      b.conv(b.node('relu', [x]), [3, 3, 1, 1]),
    ],
    'an activation': (b, x) => [
      b.conv(x, [3, 3, 1, 1], { activation: { kind: 'relu' } }),
      b.conv(x, [3, 3, 1, 1]),
    ],
    'different padding': (b, x) => [
      b.conv(x, [3, 3, 2, 2], { pads: [1, 0, 0, 1] }),
      b.conv(x, [3, 3, 2, 2], { pads: [0, 0, 1, 1] }),
    ],
    'an activation between the two': (b, x) =>
      terms(2, () => {
        const first = b.conv(x, [3, 1, 3, 3], { ...same, groups: 3, activation: { kind: 'relu' } });
        return b.conv(first, [3, 3, 1, 1]);
      }),
    'a depthwise convolution that both read': (b, x) => {
      const first = b.conv(x, [3, 1, 3, 3], { ...same, groups: 3 });
      return [b.conv(first, [3, 3, 1, 1]), b.conv(b.node('relu', [first]), [3, 3, 1, 1])];
    },
    'the same value twice': (b, x) => {
      const y = b.conv(x, [3, 3, 1, 1]);
      return [y, y];
    },
  };
  test.each(Object.entries(refused))('must not fire: %s', async (_name, values) => {
    const b = net();
    const x = b.input('x', [1, 3, 4, 4]);
    const graph: Graph = b.build([b.node('add', values(b, x))]);
    const { report, skips } = await run(graph, mergeBranches);
    expect(report.rewrites).toBe(0);
    expect(skips).toEqual({
      'no two summands are like branches of one tensor, read only here': 1,
    });
  });
});
