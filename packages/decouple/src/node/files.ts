/** Output files: they appear complete or not at all. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DataError, formatNpy, messageOf, type Tensor } from '@decouple/tensor';
import { writeFilesWhole } from '@decouple/tensor/node';

/** Makes the folders that a file needs. @throws DataError naming the file. */
export async function makeFolderOf(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
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
