import { describe, expect, it } from 'vitest';
import {
  compareSpeed,
  cpu,
  interpret,
  measuredSpeeds,
  optimize,
  profile,
  reference,
  UnsupportedError,
  type Backend,
} from '../src/index.ts';
import { tinyClassifier } from './models.ts';

const before = tinyClassifier();
const quick = { rounds: 1, turnMs: 1 };

const refusing: Backend = {
  ...reference(),
  name: 'refusing',
  compile: () => Promise.reject(new UnsupportedError('not on this machine')),
};

const silent: Backend = {
  ...reference(),
  name: 'silent',
  compile: async (...args) => ({
    ...(await reference().compile(...args)),
    run: (inputs) => {
      const values = interpret(before, inputs);
      return Promise.resolve(
        Object.fromEntries(before.outputs.map((name) => [name, values[name]!])),
      );
    },
    profile: () => Promise.reject(new UnsupportedError('no times of single nodes')),
  }),
};

describe('profile', () => {
  it('counts fused kernels at the layer with most of the MACs', async () => {
    const { kernels, info } = await profile(before, cpu(), { runs: 2 });
    const layers = kernels.map(({ layer }) => layer);
    expect(layers).toEqual(expect.arrayContaining(['conv1', 'conv2', 'logits']));
    expect(layers).not.toContain('conv1_relu');
    for (const { medianMs } of kernels) expect(medianMs).toBeGreaterThanOrEqual(0);
    expect(info).toMatchObject({ backend: 'cpu', threads: 1 });
  });

  it('stops when cancelled', async () => {
    const attempt = profile(before, cpu(), { signal: AbortSignal.abort() });
    await expect(attempt).rejects.toThrow(/abort/i);
  });
});

describe('compareSpeed', () => {
  it('tells milliseconds of both networks and of the layers of the imported one', async () => {
    const { graph: after } = await optimize(before, 'fold-batch-norm, decouple{terms=1}');
    const seen: number[] = [];
    const speeds = await compareSpeed(before, after, [{ backend: cpu() }, { backend: refusing }], {
      ...quick,
      onProgress: (done, total) => void seen.push(done / total),
    });
    expect(speeds[1]).toEqual({ backend: 'refusing', threads: 1, failed: 'not on this machine' });
    const [speed, ...others] = measuredSpeeds(speeds);
    expect(others).toEqual([]);
    expect(speed).toMatchObject({ backend: 'cpu', threads: 1 });
    expect(speed?.beforeMs).toBeGreaterThan(0);
    expect(speed?.afterMs).toBeGreaterThan(0);
    const names = before.nodes.map(({ name }) => name);
    for (const { layer } of speed?.layers ?? []) expect(names).toContain(layer);
    const all = speed?.kernels.flatMap(({ nodes }) => nodes);
    expect(all).toEqual(expect.arrayContaining([expect.stringMatching(/^conv2\//)]));
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
  });

  it('does without layers where a backend does not tell their times', async () => {
    const [speed] = await compareSpeed(before, before, [{ backend: silent }], quick);
    expect(speed).toMatchObject({ backend: 'silent', layers: [], kernels: [] });
  });
});
