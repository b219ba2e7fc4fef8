import { graphBuilder } from '@decouple/ir';
import { float32, InvariantError, ModelError } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { interpreterBackend, median } from '../src/index.ts';

const b = graphBuilder('net');
const x = b.input('x', ['N', 2]);
const graph = b.build([b.node('relu', [x])]);

describe('interpreterBackend', () => {
  test('runs for the shapes compiled for', async () => {
    const executable = await interpreterBackend().compile(graph, { bind: { N: 2 } });
    const { relu1 } = await executable.run({ x: float32([2, 2], [1, -1, -2, 3]) });
    expect([...(relu1?.data ?? [])]).toEqual([1, 0, 0, 3]);
    await expect(executable.run({ x: float32([1, 2], [1, 2]) })).rejects.toThrow(ModelError);
    await expect(executable.run({})).rejects.toThrow(/'x' float32\[2,2\] is missing/);
  });

  test('profiles each node and stops after dispose', async () => {
    const executable = await interpreterBackend().compile(graph);
    const inputs = { x: float32([1, 2], [1, -1]) };
    const [time] = await executable.profile(inputs, 3);
    expect(time?.nodes).toEqual(['relu1']);
    expect(time?.medianMs).toBeGreaterThanOrEqual(0);
    executable.dispose();
    await expect(executable.run(inputs)).rejects.toThrow(InvariantError);
  });

  test('refuses to bind an unknown symbol', async () => {
    await expect(interpreterBackend().compile(graph, { bind: { M: 2 } })).rejects.toThrow(
      /it has N/,
    );
  });
});

test('median', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});
