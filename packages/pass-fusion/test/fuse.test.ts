import { describe, expect, test } from 'vitest';
import { fuse, fuseActivations, fuseResidual } from '../src/index.ts';
import { net, run } from './kit.ts';

const same = { pads: [1, 1, 1, 1] as [number, number, number, number] };

describe('fuse-activations', () => {
  test('relu, leaky relu and clip after convolution, linear layer and sum', async () => {
    const b = net();
    const x = b.input('x', ['N', 3, 4, 4]);
    const first = b.node('relu', [b.conv(x, [3, 3, 3, 3], same, { name: 'first' })]);
    const sum = b.node('leaky-relu', [b.node('add', [x, first], {}, 'sum')], { alpha: 0.2 });
    const flat = b.node('flatten', [sum]);
    const linear = b.node('linear', [flat, b.random([5, 48])], {}, 'last');
    const y = b.node('clip', [linear], { min: 0, max: 6 });
    const { graph } = await run(b.build([y]), fuseActivations);
    expect(
      graph.nodes.map(({ name, attrs }) => [name, 'activation' in attrs && attrs.activation]),
    ).toEqual([
      ['first', { kind: 'relu' }],
      ['sum', { kind: 'leaky-relu', alpha: 0.2 }],
      ['flatten1', false],
      ['last', { kind: 'clip', min: 0, max: 6 }],
    ]);
    expect(graph.nodes.at(-1)?.outputs).toEqual([y]);
  });

  test('must not fire: other readers, an output, a second activation, other ops', async () => {
    const b = net();
    const x = b.input('x', [1, 2, 3, 3]);
    const read = b.conv(x, [2, 2, 1, 1]);
    const output = b.conv(x, [2, 2, 1, 1]);
    const active = b.conv(x, [2, 2, 1, 1], { activation: { kind: 'relu' } });
    const outputs = [
      b.node('relu', [read]),
      b.node('sigmoid', [read]),
      output,
      b.node('relu', [output]),
      b.node('clip', [active], { min: 0, max: 1 }),
      b.node('relu', [b.node('sub', [x, x])]),
      b.node('relu', [x]),
    ];
    const { report, skips } = await run(b.build(outputs), fuseActivations);
    expect(report.rewrites).toBe(0);
    expect(skips).toEqual({
      'the layer before has other readers': 2,
      'the layer before already has an activation': 1,
      'no convolution, linear layer or sum before it': 2,
    });
  });
});

describe('fuse-residual', () => {
  test('the later of two convolutions takes the sum, whichever summand it is', async () => {
    for (const swapped of [false, true]) {
      const b = net();
      const x = b.input('x', ['N', 2, 4, 4]);
      const main = b.conv(x, [3, 2, 3, 3], same, { name: 'main' });
      const short = b.conv(x, [3, 2, 1, 1], {}, { name: 'short', bias: false });
      const y = b.node('add', swapped ? [short, main] : [main, short]);
      const { graph } = await run(b.build([y]), fuseResidual);
      expect(graph.nodes.map((node) => node.name)).toEqual(['main', 'short']);
      expect(graph.nodes[1]?.inputs[3]).toBe('main');
      expect(graph.nodes[1]?.outputs).toEqual([y]);
    }
  });

  test('a convolution moves behind what makes the other summand', async () => {
    const b = net();
    const x = b.input('x', [1, 2, 4, 4]);
    const early = b.conv(x, [2, 2, 3, 3], same, { name: 'early' });
    const late = b.node('sigmoid', [b.node('tanh', [x], {}, 'tanh')], {}, 'late');
    const y = b.node('add', [early, late]);
    const { graph } = await run(b.build([y]), fuseResidual);
    expect(graph.nodes.map((node) => node.name)).toEqual(['tanh', 'late', 'early']);
  });

  test('linear layers, too', async () => {
    const b = net();
    const x = b.input('x', [2, 4]);
    const y = b.node('add', [x, b.node('linear', [x, b.random([4, 4]), b.random([4])])]);
    expect((await run(b.build([y]), fuseResidual)).ops).toEqual(['linear']);
  });

  test('must not fire: broadcast, twice the same value, activation, residual, no layer', async () => {
    const b = net();
    const x = b.input('x', [1, 2, 3, 3]);
    const twice = b.conv(x, [2, 2, 1, 1]);
    const active = b.conv(x, [2, 2, 1, 1], { activation: { kind: 'relu' } });
    const weight = b.random([2, 2, 1, 1]);
    const busy = b.node('conv2d', [x, weight, '', x]);
    const outputs = [
      b.node('add', [b.conv(x, [2, 2, 1, 1]), b.random([2, 1, 1])]),
      b.node('add', [twice, twice]),
      b.node('add', [active, x]),
      b.node('add', [busy, x]),
      b.node('add', [x, x]),
    ];
    const { report, skips } = await run(b.build(outputs), fuseResidual);
    expect(report.rewrites).toBe(0);
    expect(skips).toEqual({
      'the summands are of different shapes': 1,
      'the layers before have other readers, an activation or a residual': 2,
      'both summands are the same value': 1,
      'no convolution or linear layer before it': 1,
    });
  });
});

test('fuse alternates: sum, its activation, and the next block', async () => {
  const b = net();
  let y: string = b.node('relu', [b.conv(b.input('x', ['N', 4, 5, 5]), [4, 4, 3, 3], same)]);
  for (let block = 0; block < 3; block++) {
    const inner = b.node('relu', [b.conv(y, [4, 4, 3, 3], same)]);
    y = b.node('relu', [b.node('add', [b.conv(inner, [4, 4, 3, 3], same), y])]);
  }
  const { ops, graph, report } = await run(b.build([y]), fuse);
  expect(ops).toEqual(new Array(7).fill('conv2d'));
  expect(graph.nodes.every((node) => 'activation' in node.attrs && node.attrs.activation)).toBe(
    true,
  );
  expect(report.rewrites).toBe(10);
});
