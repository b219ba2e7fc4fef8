import { describe, expect, it } from 'vitest';
import {
  createRandom,
  difference,
  float32,
  interpret,
  normals,
  optimize,
  OptionError,
  parsePipeline,
  reference,
  type PipelineEvent,
} from '../src/index.ts';
import { tinyClassifier, tinyData } from './models.ts';

const graph = tinyClassifier();
const input = float32([2, 3, 8, 8], normals(createRandom(7), 384));
const backend = reference();

describe('optimize', () => {
  it('keeps the function under exact passes', async () => {
    const result = await optimize(graph, 'fold-batch-norm, fuse');
    const [before, after] = [interpret(graph, { input }), interpret(result.graph, { input })];
    expect(difference(after.logits!, before.logits!).maxRel).toBeLessThan(1e-5);
    expect(result.graph.nodes.length).toBeLessThan(graph.nodes.length);
    expect(result.report.after.macs).toBe(result.report.before.macs);
  });

  it('reaches a budget of MACs and reports every layer under its imported name', async () => {
    const result = await optimize(graph, 'fold-batch-norm, decouple{macs=0.6x}');
    const { before, after, layers, passes } = result.report;
    expect(after.macs).toBeLessThanOrEqual(0.6 * before.macs);
    expect(layers.map(({ layer }) => layer)).toEqual(['conv1', 'conv2', 'logits']);
    expect(layers.reduce((sum, row) => sum + row.macsAfter, 0)).toBe(after.macs);
    expect(passes.map(({ name }) => name)).toEqual(['fold-batch-norm', 'decouple']);
  });

  it('uses calibration data, and is deterministic', async () => {
    const run = () =>
      optimize(graph, 'fold-batch-norm, decouple{macs=0.6x}', {
        calibration: tinyData(24),
        samples: 16,
        seed: 3,
        backend,
      });
    const [first, second] = [await run(), await run()];
    const [a, b] = [interpret(first.graph, { input }), interpret(second.graph, { input })];
    expect(a.logits).toEqual(b.logits);
  });

  it('shows a table of at most 100 columns with layers, passes and totals', async () => {
    const { report } = await optimize(graph, 'fold-batch-norm, decouple{macs=0.6x}');
    const text = report.table();
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    for (const word of ['conv1', 'conv2', 'fold-batch-norm', 'MACs', 'parameters'])
      expect(text).toContain(word);
  });

  it('tells events and can be cancelled by them', async () => {
    const controller = new AbortController();
    const events: PipelineEvent['kind'][] = [];
    const attempt = optimize(graph, 'fold-batch-norm, fuse', {
      signal: controller.signal,
      onEvent: ({ kind }) => {
        events.push(kind);
        if (kind === 'pass-end') controller.abort();
      },
    });
    await expect(attempt).rejects.toThrow(/abort/i);
    expect(events.filter((kind) => kind === 'pass-end')).toHaveLength(1);
  });
});

describe('parsePipeline', () => {
  it('suggests the nearest pass', () => {
    expect(() => parsePipeline('fold-batchnorm')).toThrow(OptionError);
    expect(() => parsePipeline('fold-batchnorm')).toThrow(/did you mean 'fold-batch-norm'/);
  });
});
