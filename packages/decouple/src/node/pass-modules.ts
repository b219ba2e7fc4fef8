/** Passes of the user's own, from a module. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Pass } from '@decouple/pass-manager';
import { DataError, messageOf } from '@decouple/tensor';

const isPass = (value: unknown): value is Pass => {
  if (typeof value !== 'object' || value === null) return false;
  const { name, effect, options, rules, run } = value as Record<string, unknown>;
  return (
    typeof name === 'string' &&
    (effect === 'exact' || effect === 'approximate') &&
    typeof options === 'object' &&
    (typeof rules === 'object' || typeof run === 'function')
  );
};

/**
 * The passes that a module exports, alone or in lists. It is run: load none that you would not run.
 * @param path a `.js` or `.mjs` file; `.ts` where Node loads TypeScript.
 * @throws DataError when it can't be loaded or exports no pass.
 */
export async function loadPasses(path: string): Promise<Pass[]> {
  const file = resolve(path);
  if (!existsSync(file)) throw new DataError(`${path}: no such file`);
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    const hint =
      (error as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_FILE_EXTENSION'
        ? '; Node loads TypeScript from version 22.18 on, else compile the file to JavaScript'
        : '';
    throw new DataError(`${path}: can't be loaded: ${messageOf(error)}${hint}`, { cause: error });
  }
  const passes = [...new Set(Object.values(module).flat())].filter(isPass);
  if (!passes.length) throw new DataError(`${path}: exports no pass; make one by definePass`);
  return passes;
}
