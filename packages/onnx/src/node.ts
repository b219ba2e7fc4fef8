/** ONNX files on disk. */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Graph } from '@decouple/ir';
import { DataError, messageOf } from '@decouple/tensor';
import { exportOnnx, type ExportOptions } from './export/export.ts';
import { importOnnx, type Imported, type ImportOptions } from './import/import.ts';

/**
 * Reads and imports an ONNX file.
 * @throws DataError when the file can't be read; ModelError as `importOnnx`.
 */
export async function readOnnx(path: string, options: ImportOptions = {}): Promise<Imported> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new DataError(`${path}: can't be read: ${messageOf(error)}`, { cause: error });
  }
  return importOnnx(bytes, { file: basename(path), ...options });
}

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
