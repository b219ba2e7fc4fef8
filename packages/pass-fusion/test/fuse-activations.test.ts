import { describe, expect, test } from 'vitest';
import { fuseActivations } from '../src/index.ts';
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
