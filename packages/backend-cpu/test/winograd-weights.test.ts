/** Filters as Winograd's method wants them: against G g Gᵀ worked out one by one. */
import { createRandom, normals } from '@decouple/tensor';
import { expect, test } from 'vitest';
import { winogradFilterModule, winogradFilters } from '../src/kernels/winograd-filters.ts';
import { reachOf, weightTransforms, type TileSize } from '../src/kernels/winograd-transforms.ts';
import { packWinograd } from '../src/kernels/winograd-weights.ts';

/** Element (i, j) of G g Gᵀ. */
function transformed(tile: TileSize, filter: Float32Array, i: number, j: number): number {
  const rows = weightTransforms[tile];
  let sum = 0;
  for (let y = 0; y < 3; y++)
    for (let x = 0; x < 3; x++)
      sum += (rows[i]?.[y] as number) * (filter[3 * y + x] as number) * (rows[j]?.[x] as number);
  return sum;
}

// Panels of 8 channels hold 128 input channels in a block: one whole block and a rest; those of 20 hold 51.
test.each([
  [2, 8, 5, 130],
  [4, 8, 18, 130],
  [4, 16, 19, 70],
  [4, 32, 32, 3],
  [2, 20, 24, 70],
  [4, 12, 29, 100],
] as const)(
  'tile of %i in panels of %i, %i × %i filters: every number, zeros behind the last channel',
  (tile, panel, outChannels, channels) => {
    const source = normals(createRandom(1), outChannels * channels * 9, 1);
    const sizes = { groups: 1, channels, outChannels, kernel: [3, 3] } as const;
    const width = Math.ceil(outChannels / 4) * 4;
    const reach = reachOf(tile);
    const target = new Float32Array(reach * reach * channels * width);
    packWinograd(target, source, { sizes, tile, panel }, winogradFilters());
    const expected = new Float32Array(target.length);
    for (let o = 0; o < outChannels; o++)
      for (let c = 0; c < channels; c++) {
        const filter = source.subarray(9 * (o * channels + c), 9 * (o * channels + c + 1));
        const first = o - (o % panel);
        const panelWidth = Math.min(panel, width - first);
        for (let k = 0; k < reach * reach; k++)
          expected[k * channels * width + first * channels + c * panelWidth + (o % panel)] =
            transformed(tile, filter, Math.floor(k / reach), k % reach);
      }
    const gap = target.reduce(
      (most, value, index) => Math.max(most, Math.abs(value - (expected[index] as number))),
      0,
    );
    expect(gap).toBeLessThan(1e-6);
  },
);

test('the module is small enough for browsers to compile at once', () => {
  expect(winogradFilterModule().length).toBeLessThan(4096);
});
