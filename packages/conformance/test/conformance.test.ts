import { interpreterBackend, type Backend } from '@decouple/backend';
import { float32, type Tensor } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { checkCase, conformanceCases, runConformance } from '../src/index.ts';

runConformance({ describe, test }, interpreterBackend(), { tolerance: 0, randomGraphs: 30 });

/** A backend that adds `error` to the first element of each output. */
function wrongBackend(error: number): Backend {
  const reference = interpreterBackend();
  const spoil = (value: Tensor): Tensor => {
    const data = Float32Array.from(value.data as Float32Array);
    data[0] = (data[0] ?? 0) + error;
    return float32(value.shape, data);
  };
  return {
    ...reference,
    compile: async (graph, options) => {
      const executable = await reference.compile(graph, options);
      return {
        ...executable,
        run: async (inputs) =>
          Object.fromEntries(
            Object.entries(await executable.run(inputs)).map(([name, value]) => [
              name,
              spoil(value),
            ]),
          ),
      };
    },
  };
}

test('a wrong result is found', async () => {
  const item = conformanceCases().find(({ name }) => name.startsWith('conv2d: 3x3 same'));
  if (!item) throw new Error('no such case');
  await expect(checkCase(wrongBackend(0.01), item)).rejects.toThrow(/'y' differs by 0\.0/);
  await checkCase(wrongBackend(0), item);
});

test('conv2d is sampled with constant and with computed weights', () => {
  const names = conformanceCases().map(({ name }) => name);
  expect(names).toContain('conv2d: groups 2');
  expect(names).toContain('conv2d: groups 2, nothing constant');
  expect(new Set(names).size).toBe(names.length);
});
