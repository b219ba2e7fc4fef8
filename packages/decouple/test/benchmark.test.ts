import type { Backend } from '@decouple/backend';
import { describe, expect, it } from 'vitest';
import { benchmark, reference, UnsupportedError } from '../src/index.ts';
import { tinyClassifier } from './models.ts';

const graph = tinyClassifier();
const quick = { rounds: 2, turnMs: 1 };

/** The interpreter with its outputs changed by `scale`, or refusing to compile. */
function altered(name: string, scale: number): Backend {
  const base = reference();
  return {
    ...base,
    name,
    compile: async (...args) => {
      if (scale === 0) throw new UnsupportedError('not here');
      const executable = await base.compile(...args);
      return {
        ...executable,
        run: async (inputs) => {
          const outputs = await executable.run(inputs);
          for (const { data } of Object.values(outputs))
            (data as Float32Array).forEach((x, at) => (data[at] = x * scale));
          return outputs;
        },
      };
    },
  };
}

describe('benchmark', () => {
  it('measures each entry and compares outputs of one network', async () => {
    const steps: number[] = [];
    const results = await benchmark(
      [reference(), altered('wrong', 1.5), altered('absent', 0)].map((backend) => ({
        model: 'tiny',
        graph,
        backend,
      })),
      { ...quick, onProgress: (done, total) => void steps.push(done / total) },
    );
    expect(results.map(({ backend }) => backend)).toEqual(['reference', 'wrong', 'absent']);
    expect(results[0]).toMatchObject({ model: 'tiny', maxRel: 0 });
    expect(results[0]?.medianMs).toBeGreaterThan(0);
    expect(results[1]?.maxRel).toBeCloseTo(0.5, 3);
    expect(results[2]).toMatchObject({ failed: 'not here', runs: 0, medianMs: NaN });
    expect(steps.at(-1)).toBe(1);
  });

  it('stops when cancelled', async () => {
    const controller = new AbortController();
    const attempt = benchmark([{ model: 'tiny', graph, backend: reference() }], {
      ...quick,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(attempt).rejects.toThrow(/abort/i);
  });
});
