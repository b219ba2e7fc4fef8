import { describe, expect, test } from 'vitest';
import { fuseResidual } from '../src/index.ts';
import { net, run } from './kit.ts';

const same = { pads: [1, 1, 1, 1] as [number, number, number, number] };

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
