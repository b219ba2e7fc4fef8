/** Output files: they appear complete or not at all. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DataError, formatNpy, messageOf, type Tensor } from '@decouple/tensor';

/**
 * Writes under a temporary name and renames. Folders that are missing are made.
 * @throws DataError naming the file.
 */
export async function writeFileWhole(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, content, { flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new DataError(`${path}: can't be written: ${messageOf(error)}`, { cause: error });
  }
}

/** Writes a `.npy` file. @throws DataError naming the file. */
export const writeNpy = (path: string, value: Tensor): Promise<void> =>
  writeFileWhole(path, formatNpy(value));
