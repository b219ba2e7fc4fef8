/** Images and `preprocess.json` that are broken: a DataError that names the file, or data; never anything else. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRandom, DataError, zeros } from '@decouple/tensor';
import { damaged, damagedText } from '@decouple/tensor/mutations';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { tensorDataset } from '../src/index.ts';
import { openDataset, readPreprocess } from '../src/node.ts';

const folder = mkdtempSync(join(tmpdir(), 'decouple-hostile-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Whether something works; anything thrown must be a DataError with the file's name. */
async function works(use: () => unknown, file: string): Promise<boolean> {
  try {
    await use();
    return true;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    expect(error.message).toContain(file);
    return false;
  }
}

// Decoding takes a millisecond: 2,000 damages here, more in the fuzzer.
describe('two thousand damages', () => {
  it.each(['png', 'jpeg'] as const)('of a %s', async (format) => {
    const raw = Buffer.alloc(8 * 8 * 3, 100);
    const image = sharp(raw, { raw: { width: 8, height: 8, channels: 3 } });
    const whole = await image.toFormat(format).toBuffer();
    const file = `one.${format}`;
    mkdirSync(join(folder, format));
    const random = createRandom(3);
    const read = (bytes: Uint8Array): Promise<boolean> => {
      writeFileSync(join(folder, format, file), bytes);
      const data = openDataset(join(folder, format), { sampleShape: [3, 4, 4], preprocess: {} });
      return works(() => data.batch([0]), file);
    };
    expect(await read(whole)).toBe(true);
    let accepted = 0;
    for (let round = 0; round < 2000; round++)
      accepted += Number(await read(damaged(whole, random)));
    expect(accepted).toBeLessThan(1600);
  });
});

it('ten thousand damages of preprocess.json', async () => {
  const whole = '{ "mean": [0.49, 0.48, 0.45], "std": [0.2, 0.2, 0.2] }';
  const random = createRandom(4);
  const path = join(folder, 'preprocess.json');
  const sample = zeros('float32', [1, 3, 2, 2]);
  let accepted = 0;
  for (let round = 0; round < 10_000; round++) {
    writeFileSync(path, damagedText(whole, random, ['1e999', 'null', '__proto__', '[', '}']));
    const use = (): unknown =>
      tensorDataset(sample, undefined, readPreprocess(path) ?? {}, path).batch([0]);
    accepted += Number(await works(use, 'preprocess.json'));
  }
  // Most damage must matter, and some must not, or the test tests nothing.
  expect(accepted).toBeGreaterThan(100);
  expect(accepted).toBeLessThan(8000);
});
