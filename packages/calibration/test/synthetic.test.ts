import { syntheticDataset, syntheticKinds } from '@decouple/calibration';
import { describe, expect, test } from 'vitest';

const shape = [3, 32, 24];
const imagesOf = async (kind: (typeof syntheticKinds)[number], seed = 1): Promise<Float32Array> =>
  (await syntheticDataset({ sampleShape: shape, kind, seed }).batch([0, 1, 2, 3, 4, 5, 6, 7])).data;

/** Correlation of pixels `step` columns apart. */
function correlation(data: Float32Array, step: number): number {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  let [both, power] = [0, 0];
  for (let at = 0; at + step < data.length; at++) {
    if ((at % 24) + step >= 24) continue;
    both += ((data[at] as number) - mean) * ((data[at + step] as number) - mean);
    power += ((data[at] as number) - mean) ** 2;
  }
  return both / power;
}

describe.each(syntheticKinds)('synthetic images: %s', (kind) => {
  test('same seed, same images, whatever the batch; other seeds differ', async () => {
    const data = syntheticDataset({ sampleShape: shape, kind });
    const [all, third] = [await data.batch([0, 1, 2]), await data.batch([2])];
    expect(third.data).toEqual(all.data.slice(2 * 3 * 32 * 24));
    expect(await imagesOf(kind)).toEqual(await imagesOf(kind));
    expect(await imagesOf(kind)).not.toEqual(await imagesOf(kind, 2));
  });
  test('pixels lie in 0..1, vary, and near ones are more alike than far ones', async () => {
    const pixels = await imagesOf(kind);
    expect(Math.min(...pixels)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...pixels)).toBeLessThanOrEqual(1);
    const [near, far] = [correlation(pixels, 1), correlation(pixels, 12)];
    expect(near).toBeGreaterThan(0.7);
    expect(far).toBeLessThan(near - 0.2);
  });
});

test('normalisation is that of pictures', async () => {
  const plain = await imagesOf('mixed');
  const data = syntheticDataset({ sampleShape: shape, preprocess: { mean: [0.5], std: [0.25] } });
  const { data: normalized } = await data.batch([0]);
  normalized.forEach((value, at) =>
    expect(value).toBeCloseTo(((plain[at] as number) - 0.5) / 0.25, 5),
  );
});

test('shapes that are no images are refused', () => {
  expect(() => syntheticDataset({ sampleShape: [10] })).toThrow('[channels, rows, columns]');
});
