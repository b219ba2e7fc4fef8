import { graphBuilder, type Graph } from '@decouple/ir';
import { float32 } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { foldBatchNorm } from '../src/index.ts';
import { net, run } from './kit.ts';

const same = { pads: [1, 1, 1, 1] as [number, number, number, number] };

describe('after a layer', () => {
  test('a convolution without bias: it keeps its name and gives the normalized value', async () => {
    const b = net();
    const x = b.input('x', ['N', 3, 5, 6]);
    const y = b.norm(b.conv(x, [4, 3, 3, 3], same, { bias: false, name: 'first' }), 4);
    const { graph, report } = await run(b.build([y]), foldBatchNorm);
    expect(graph.nodes).toMatchObject([
      {
        name: 'first',
        origin: 'first',
        outputs: [y],
        inputs: ['x', 'first/weight', 'first/bias'],
        attrs: same,
      },
    ]);
    expect([...graph.constants.keys()]).toEqual(['first/weight', 'first/bias']);
    expect(report.rewrites).toBe(1);
  });

  test('grouped and strided convolutions, linear layers, and two normalizations in a row', async () => {
    const b = net();
    let y = b.conv(b.input('x', [2, 4, 7, 6]), [6, 2, 3, 2], { groups: 2, stride: [2, 1] });
    y = b.norm(b.norm(y, 6), 6);
    y = b.node('flatten', [y]);
    y = b.norm(b.node('linear', [y, b.random([5, 90]), b.random([5])]), 5);
    const { ops } = await run(b.build([y]), foldBatchNorm);
    expect(ops).toEqual(['conv2d', 'flatten', 'linear']);
  });

  test('the normalization may be an output, and weights shared by another layer stay', async () => {
    const b = net();
    const x = b.input('x', [1, 2, 4, 4]);
    const weight = b.random([2, 2, 1, 1]);
    const first = b.norm(b.node('conv2d', [x, weight]), 2);
    const second = b.node('conv2d', [first, weight]);
    const { ops, graph } = await run(b.build([first, second]), foldBatchNorm);
    expect(ops).toEqual(['conv2d', 'conv2d']);
    expect(graph.constants.has(weight)).toBe(true);
  });
});

describe('before a layer', () => {
  test('unpadded, strided and grouped, with activation and residual', async () => {
    const b = net();
    const x = b.node('relu', [b.input('x', [2, 6, 6, 6])]);
    const [weight, bias] = [b.random([4, 3, 3, 2]), b.random([4])];
    const residual = b.input('r', [2, 4, 2, 5]);
    const y = b.node(
      'conv2d',
      [b.norm(x, 6), weight, bias, residual],
      { groups: 2, stride: [2, 1], activation: { kind: 'relu' } },
      'layer',
    );
    const { graph, ops } = await run(b.build([y]), foldBatchNorm);
    expect(ops).toEqual(['relu', 'conv2d']);
    expect(graph.nodes[1]).toMatchObject({ name: 'layer', outputs: [y] });
  });

  test('a linear layer', async () => {
    const b = net();
    const y = b.node('linear', [b.norm(b.input('x', [3, 6]), 6), b.random([4, 6])]);
    expect((await run(b.build([y]), foldBatchNorm)).ops).toEqual(['linear']);
  });

  test('padded: only when the normalization adds nothing', async () => {
    const build = (shift: number) => {
      const b = net();
      const x = b.node('relu', [b.input('x', [1, 2, 4, 4])]);
      const inputs = [2, shift, 0, 1].map((value) => b.random([2], 0, value));
      const norm = b.node('batch-normalization', [x, ...inputs]);
      return b.build([b.conv(norm, [3, 2, 3, 3], same)]);
    };
    expect((await run(build(0), foldBatchNorm)).ops).toEqual(['relu', 'conv2d']);
    const { ops, skips } = await run(build(0.5), foldBatchNorm);
    expect(ops).toEqual(['relu', 'batch-normalization', 'conv2d']);
    expect(skips).toEqual({
      'the convolution after pads with zeros, which are not normalized': 1,
    });
  });
});

describe('must not fire', () => {
  const start = () => {
    const b = net();
    return { b, x: b.input('x', [1, 2, 3, 3]) };
  };
  const cases: Record<string, () => Graph> = {
    'the layer before has other readers': () => {
      const { b, x } = start();
      const y = b.conv(x, [2, 2, 1, 1]);
      return b.build([b.norm(y, 2), b.node('relu', [y])]);
    },
    'the layer before has an activation or a residual': () => {
      const { b, x } = start();
      return b.build([b.norm(b.conv(x, [2, 2, 1, 1], { activation: { kind: 'relu' } }), 2)]);
    },
    'no convolution or linear layer next to it': () => {
      const { b, x } = start();
      return b.build([b.norm(b.node('sigmoid', [b.conv(x, [2, 2, 1, 1])]), 2)]);
    },
    'the layer before computes its weights': () => {
      const { b, x } = start();
      return b.build([b.norm(b.node('conv2d', [x, b.input('w', [2, 2, 1, 1])]), 2)]);
    },
    'the layer after reads it not only as its input': () => {
      const { b, x } = start();
      const y = b.norm(x, 2);
      return b.build([b.node('conv2d', [y, b.random([2, 2, 1, 1]), '', y])]);
    },
    'its parameters are computed by the network': () => {
      const { b, x } = start();
      const ones = b.random([2], 0, 1);
      const inputs = [b.conv(x, [2, 2, 1, 1]), b.input('s', [2]), ones, ones, ones];
      return b.build([b.node('batch-normalization', inputs)]);
    },
    'folding gives weights that are not finite': () => {
      const { b, x } = start();
      const [huge, zero, tiny] = [1e38, 0, 1e-30].map((value) => b.random([2], 0, value));
      const inputs = [b.conv(x, [2, 2, 1, 1]), huge, zero, zero, tiny] as string[];
      const y = b.node('batch-normalization', inputs, { epsilon: 0 });
      return b.build([b.node('sigmoid', [y])]);
    },
  };
  test.each(Object.entries(cases))('%s', async (reason, build) => {
    const { ops, skips } = await run(build(), foldBatchNorm);
    expect(ops).toContain('batch-normalization');
    expect(skips).toEqual({ [reason]: 1 });
  });
});

test('folding is done in float64: k·b - k·m keeps its digits when b and m nearly cancel', async () => {
  const b = graphBuilder('net');
  const list = (name: string, value: number): string => b.constant(name, float32([1], [value]));
  const weight = b.constant('w', float32([1, 1, 1, 1], [1]));
  const conv = b.node('conv2d', [b.input('x', [1, 1, 1, 1]), weight, list('bias', 1)]);
  const parameters = [list('scale', 0.3), list('shift', 0), list('mean', 1 + 2 ** -23)];
  const inputs = [conv, ...parameters, list('variance', 1)];
  const { graph } = await run(
    b.build([b.node('batch-normalization', inputs, { epsilon: 0 })]),
    foldBatchNorm,
  );
  const bias = graph.constants.get('conv2d1/bias')?.data[0] as number;
  expect(bias / (-Math.fround(0.3) * 2 ** -23)).toBeCloseTo(1, 7);
});
