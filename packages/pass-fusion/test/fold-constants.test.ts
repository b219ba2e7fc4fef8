import { pipeline, runPipeline, step } from '@decouple/pass-manager';
import { float32, int64 } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { foldConstants } from '../src/index.ts';
import { net, run } from './kit.ts';

describe('fold-constants', () => {
  test('computes chains of constants and known shapes', async () => {
    const b = net();
    const x = b.input('x', [2, 3, 2, 2]);
    const sizes = b.node('shape', [x]);
    const first = b.node('gather', [sizes, b.constant('zero', int64([0], []))]);
    const scaled = b.node('mul', [b.random([3, 1, 1]), b.random([1])]);
    const y = b.node('add', [x, b.node('relu', [scaled])]);
    const batch = b.node('cast', [first], { to: 'float32' });
    const { ops, graph, report } = await run(b.build([b.node('mul', [y, batch])]), foldConstants);
    expect(ops).toEqual(['add', 'mul']);
    expect(report.rewrites).toBe(5);
    expect(graph.constants.get(batch)?.data).toEqual(new Float32Array([2]));
  });

  test('stops when a run has done enough work, however small each result is', async () => {
    const b = net();
    const x = b.input('x', [1]);
    const large = b.constant('large', float32([500_000], new Float32Array(500_000)));
    let sum = x;
    const count = 40;
    for (let index = 0; index < count; index++)
      sum = b.node('add', [sum, b.node('reduce', [large], { kind: 'sum', axes: [0] })]);
    const { graph, passes } = await runPipeline(b.build([sum]), pipeline([step(foldConstants)]));
    const left = graph.nodes.filter(({ op }) => op === 'reduce').length;
    // 2^22 and 16 for each of the 500,000 elements, at 500,001 for each sum.
    expect(left).toBe(count - 24);
    expect(passes[0]?.skipped).toEqual([
      expect.objectContaining({
        reason: 'computing it takes more work than a run may do',
        count: left,
      }),
    ]);
  });

  test('must not fire: inputs, unknown shapes, outputs, large results, infinities', async () => {
    const b = net();
    const x = b.input('x', ['N', 2]);
    const [zero, one] = [b.constant('0', float32([1], [0])), b.constant('1', float32([1], [1]))];
    const large = b.node('add', [b.random([30]), one]);
    const infinite = b.node('div', [one, zero]);
    const graph = b.build([
      b.node('relu', [x]),
      b.node('cast', [b.node('shape', [x])], { to: 'float32' }),
      b.node('relu', [one]),
      b.node('sigmoid', [large]),
      b.node('sigmoid', [infinite]),
    ]);
    const { passes, graph: after } = await runPipeline(
      graph,
      pipeline([step(foldConstants, { maxElements: 20 })]),
    );
    expect(after.nodes).toHaveLength(graph.nodes.length);
    expect(
      Object.fromEntries(passes[0]?.skipped.map((skip) => [skip.reason, skip.count]) ?? []),
    ).toEqual({
      'its input is of unknown size': 1,
      'it is an output of the network': 1,
      'its result is larger than maxElements': 1,
      'its result is not finite': 1,
    });
  });
});
