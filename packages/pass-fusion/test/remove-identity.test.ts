import { describe, expect, test } from 'vitest';
import { removeIdentity } from '../src/index.ts';
import { net, run } from './kit.ts';

describe('remove-identity', () => {
  test('removes all that changes nothing', async () => {
    const b = net();
    let y = b.node('identity', [b.input('x', ['N', 3, 4, 5])]);
    y = b.node('dropout', [b.node('relu', [y])]);
    y = b.node('cast', [y], { to: 'float32' });
    y = b.node('reshape', [y], { shape: [0, 3, -1, 5] });
    y = b.node('pad', [y], { pads: [0, 0, 0, 0, 0, 0, 0, 0] });
    y = b.node('slice', [y], { axes: [2], starts: [0], ends: [9], steps: [1] });
    y = b.node('transpose', [y], { permutation: [0, 1, 2, 3] });
    y = b.node('concat', [y], { axis: 1 });
    const { ops } = await run(b.build([b.node('sigmoid', [y])]), removeIdentity);
    expect(ops).toEqual(['relu', 'sigmoid']);
  });

  test('an output keeps its name', async () => {
    const b = net();
    const y = b.node('identity', [b.node('relu', [b.input('x', [2])])], {}, 'y');
    const { ops, graph } = await run(b.build([y]), removeIdentity);
    expect(ops).toEqual(['relu']);
    expect(graph.outputs).toEqual(['y']);
  });

  test('must not fire: what moves elements, and outputs that would lose their name', async () => {
    const b = net();
    const x = b.input('x', [2, 2, 2]);
    const made = b.node('relu', [x]);
    const outputs = [
      b.node('identity', [x]),
      made,
      b.node('identity', [made]),
      b.node('slice', [x], { axes: [0], starts: [1], ends: [-99], steps: [-1] }),
      b.node('transpose', [x], { permutation: [0, 2, 1] }),
      b.node('pad', [x], { pads: [1, 0, 0, -1, 0, 0] }),
      b.node('concat', [x, x], { axis: 0 }),
      b.node('reshape', [x], { shape: [4, 2] }),
      b.node('cast', [x], { to: 'int64' }),
    ];
    const { report, skips } = await run(b.build(outputs), removeIdentity);
    expect(report.rewrites).toBe(0);
    expect(skips).toEqual({ 'it gives an output of the network its name': 2 });
  });
});
