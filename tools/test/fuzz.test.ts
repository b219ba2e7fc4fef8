/** What the fuzzer found once stays fixed, and the fuzzer would find it again. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRandom, DecoupleError, InvariantError } from '@decouple/tensor';
import { describe, expect, it } from 'vitest';
import { formats, nextInput } from '../fuzz/formats.ts';
import { complaint } from '../fuzz/watch.ts';

const folder = new URL('../fuzz/regressions/', import.meta.url);

describe('regressions', () => {
  it.each(readdirSync(folder))('%s is accepted or refused with an error of ours', async (file) => {
    const format = formats.find(({ name }) => file.startsWith(`${name}-`));
    if (!format) throw new Error(`${file} is named after no format`);
    try {
      await format.use(readFileSync(new URL(file, folder)));
    } catch (error) {
      expect(error).toBeInstanceOf(DecoupleError);
      expect(error).not.toBeInstanceOf(InvariantError);
    }
  });
});

describe('the fuzzer', () => {
  it.each(formats)(
    'damages $name alike for the same seed, and uses what is whole',
    async (format) => {
      const seeds = await format.seeds();
      const inputs = (): Uint8Array[] => {
        const random = createRandom(1);
        return Array.from({ length: 20 }, () => nextInput(format, seeds, random));
      };
      expect(inputs()).toEqual(inputs());
      await format.use(seeds[0] as Uint8Array);
    },
  );

  it('complains of bugs, time and memory only', () => {
    const fine = { error: 'ModelError', message: 'x', ms: 1, bytes: 0 };
    expect(complaint(fine)).toBeUndefined();
    expect(complaint({ ...fine, error: '' })).toBeUndefined();
    expect(complaint({ ...fine, error: 'bug: TypeError' })).toBe('bug: TypeError: x');
    expect(complaint({ ...fine, ms: 2000 })).toMatch(/2000 ms/);
    expect(complaint({ ...fine, bytes: 1e9 })).toMatch(/1000 MB/);
  });
});
