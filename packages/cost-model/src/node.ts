/** Rates of this machine, measured once and kept in the user's cache directory. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cpus, homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Rates } from './work.ts';

const file = z.object({ rates: z.record(z.string(), z.number().min(0)) });

/** Where this project keeps what it has measured: `$DECOUPLE_RATES`, else `decouple/rates` in the user's cache directory. */
export const cacheFolder = (): string =>
  process.env['DECOUPLE_RATES'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'decouple', 'rates');

/** The processor's name; on Linux with what tells apart those of one name, and the width of its vectors. */
export function processor(): string {
  const name = cpus()[0]?.model.trim() ?? 'unknown processor';
  let text: string;
  try {
    text = readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return name;
  }
  const [family, model] = ['cpu family', 'model'].map(
    (key) => new RegExp(`^${key}\\s*: (\\d+)$`, 'm').exec(text)?.[1],
  );
  const vectors = / avx512f /.test(text) ? 'AVX-512' : / avx2 /.test(text) ? 'AVX2' : undefined;
  const details = [family && `family ${family}`, model && `model ${model}`, vectors].filter(
    Boolean,
  );
  return details.length ? `${name} (${details.join(', ')})` : name;
}

/**
 * What rates depend on: the processor, the engine, and the code that was measured.
 * @param code bytes that change whenever the generated code does, and whatever else matters.
 */
export function machineKey(...code: readonly (Uint8Array | string)[]): string {
  const hash = createHash('sha256');
  const { v8, node } = process.versions;
  hash.update(JSON.stringify([processor(), process.arch, v8, node.split('.')[0]]));
  for (const part of code) hash.update(part);
  return hash.digest('hex').slice(0, 16);
}

const pathOf = (key: string, folder: string): string => join(folder, `${key}.json`);

/** Rates that were kept, if any; a damaged file counts as none. */
export function knownRates(key: string, folder = cacheFolder()): Rates | undefined {
  try {
    return file.parse(JSON.parse(readFileSync(pathOf(key, folder), 'utf8'))).rates;
  } catch {
    return undefined;
  }
}

/** Keeps rates. A folder that can't be written to is no error: they will be measured again. */
export function keepRates(key: string, rates: Rates, folder = cacheFolder()): void {
  const temporary = `${pathOf(key, folder)}.${process.pid}.tmp`;
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(temporary, `${JSON.stringify({ rates }, undefined, 1)}\n`);
    renameSync(temporary, pathOf(key, folder));
  } catch {
    return;
  }
}
