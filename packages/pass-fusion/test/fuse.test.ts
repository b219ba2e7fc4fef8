import { expect, test } from 'vitest';
import { fuse } from '../src/index.ts';
import { net, run } from './kit.ts';

const same = { pads: [1, 1, 1, 1] as [number, number, number, number] };

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
