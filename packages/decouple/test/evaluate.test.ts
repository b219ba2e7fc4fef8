import { DataError, float32, interpret, tensorDataset, int64, type Dataset } from '../src/index.ts';
import { describe, expect, it } from 'vitest';
import { evaluate, rankOf, reference } from '../src/index.ts';
import { tinyClassifier, tinyData } from './models.ts';

const scores = (...values: number[]): Float32Array => Float32Array.from(values);

describe('rankOf', () => {
  it('counts the classes before the label, ties going to the lower class', () => {
    expect(rankOf(scores(3, 1, 2), 0)).toBe(0);
    expect(rankOf(scores(3, 1, 2), 1)).toBe(2);
    expect(rankOf(scores(1, 1, 1), 0)).toBe(0);
    expect(rankOf(scores(1, 1, 1), 2)).toBe(2);
  });

  it('never lets a NaN help', () => {
    expect(rankOf(scores(NaN, 1, 0), 1)).toBe(1);
    expect(rankOf(scores(NaN, 1, 0), 0)).toBe(3);
    expect(rankOf(scores(NaN, NaN, NaN), 0)).toBe(3);
  });
});

/** Labels that the network itself gives to the images: the second best class for every third image. */
async function labelledByNetwork(samples: number): Promise<Dataset> {
  const data = tinyData(samples);
  const x = await data.batch(Array.from({ length: samples }, (_, index) => index));
  const logits = interpret(tinyClassifier(), { input: x }).logits?.data as Float32Array;
  const labels = Array.from({ length: samples }, (_, index) => {
    const row = [...logits.subarray(index * 6, index * 6 + 6)];
    const order = row.map((_, at) => at).sort((a, b) => (row[b] as number) - (row[a] as number));
    return order[index % 3 === 0 ? 1 : 0] as number;
  });
  return tensorDataset(x, int64(labels), {}, 'labelled');
}

describe('evaluate', () => {
  const graph = tinyClassifier();
  const backend = reference();

  it('counts the last, partial batch once', async () => {
    const data = await labelledByNetwork(9);
    const result = await evaluate(graph, data, { backend, batchSize: 4 });
    expect(result.count).toBe(9);
    expect(result.top1).toBeCloseTo(100 * (6 / 9), 10);
    expect(result.top5).toBe(100);
  });

  it('limits the samples and tells how far it is', async () => {
    const seen: number[] = [];
    const result = await evaluate(graph, tinyData(12), {
      backend,
      batchSize: 4,
      limit: 6,
      onProgress: (done, total) => void seen.push(done, total),
    });
    expect(result.count).toBe(6);
    expect(seen).toEqual([4, 6, 6, 6]);
  });

  it('refuses data without labels, with labels beyond the classes, or of another shape', async () => {
    const images = float32([2, 3, 8, 8], new Float32Array(384));
    const cases: [Dataset, RegExp][] = [
      [tensorDataset(images), /no labelled samples/],
      [tensorDataset(images, int64([0, 6])), /label 6; 'tiny' has 6 classes/],
      [
        tensorDataset(float32([1, 3, 4, 4], new Float32Array(48)), int64([0])),
        /samples are \[3, 4, 4\], input 'input' of 'tiny' wants \[3, 8, 8\]/,
      ],
    ];
    for (const [data, message] of cases) {
      const attempt = evaluate(graph, data, { backend });
      await expect(attempt).rejects.toThrow(DataError);
      await expect(attempt).rejects.toThrow(message);
    }
  });

  it('stops when cancelled', async () => {
    const controller = new AbortController();
    const attempt = evaluate(graph, tinyData(12), {
      backend,
      batchSize: 1,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(attempt).rejects.toThrow(/abort/i);
  });
});
