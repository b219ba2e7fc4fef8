/** Output files: they appear complete or not at all. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DataError, formatNpy, messageOf, type Tensor } from '@decouple/tensor';
import { writeFilesWhole } from '@decouple/tensor/node';

/** Level by level: Node's own recursion never ends where a system, as `/proc`, denies that a folder can be. */
async function makeFolder(path: string): Promise<void> {
  if (existsSync(path)) return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/** Makes the folders that a file needs. @throws DataError naming the file. */
export async function makeFolderOf(path: string): Promise<void> {
  try {
    await makeFolder(dirname(path));
  } catch (error) {
    throw new DataError(`${path}: can't be written: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Writes under a temporary name and renames. Folders that are missing are made.
 * @param content whole, or in pieces.
 * @throws DataError naming the file.
 */
export async function writeFileWhole(
  path: string,
  content: Uint8Array | string | Iterable<Uint8Array>,
): Promise<void> {
  await makeFolderOf(path);
  await writeFilesWhole([{ path, content }]);
}

/** Writes a `.npy` file. @throws DataError naming the file. */
export const writeNpy = (path: string, value: Tensor): Promise<void> =>
  writeFileWhole(path, formatNpy(value));
