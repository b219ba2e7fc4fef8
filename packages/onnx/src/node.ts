/** ONNX files on disk. */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Graph } from '@decouple/ir';
import { DataError, messageOf } from '@decouple/tensor';
import { exportOnnx, type ExportOptions } from './export/export.ts';
import {
  checkOnnx,
  importOnnx,
  type Checked,
  type Imported,
  type ImportOptions,
} from './import/import.ts';

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new DataError(`${path}: can't be read: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Reads and imports an ONNX file.
 * @throws DataError when the file can't be read; errors as `importOnnx`.
 */
export const readOnnx = async (path: string, options: ImportOptions = {}): Promise<Imported> =>
  importOnnx(await readBytes(path), { file: basename(path), ...options });

/**
 * Lists everything wrong with an ONNX file, as `checkOnnx`.
 * @throws DataError when the file can't be read.
 */
export const checkOnnxFile = async (path: string): Promise<Checked> =>
  checkOnnx(await readBytes(path), { file: basename(path) });

/**
 * Exports a graph to a file. The file appears complete or not at all: it is written under a temporary name beside
 * `path` and then renamed.
 * @throws DataError when it can't be written; errors as `exportOnnx`.
 */
export async function writeOnnx(
  path: string,
  graph: Graph,
  options: ExportOptions = {},
): Promise<void> {
  const bytes = exportOnnx(graph, options);
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new DataError(`${path}: can't be written: ${messageOf(error)}`, { cause: error });
  }
}
