/** Model files. The format goes by the file's extension; each format is one importer package. */
import { extname } from 'node:path';
import type { Graph } from '@decouple/ir';
import type { ImportWarning } from '@decouple/onnx';
import { readOnnx, writeOnnx, type WriteOptions } from '@decouple/onnx/node';
import { UnsupportedError } from '@decouple/tensor';
import { makeFolderOf } from './files.ts';

export type { WriteOptions };

export interface ReadModelOptions {
  /** Told of what the graph does not hold, or holds without understanding it. */
  readonly onWarning?: (warning: ImportWarning) => void;
}

/** @throws UnsupportedError when the extension is another. */
export function requireOnnx(path: string): void {
  if (extname(path).toLowerCase() !== '.onnx')
    throw new UnsupportedError(
      `${path}: format '${extname(path)}' is not known; model files are .onnx`,
    );
}

/**
 * Reads a model file (.onnx).
 * @throws DataError when the file can't be read; ModelError when it is broken; UnsupportedError for other formats.
 */
export async function readModel(path: string, options: ReadModelOptions = {}): Promise<Graph> {
  requireOnnx(path);
  const { graph, warnings } = await readOnnx(path);
  for (const warning of warnings) options.onWarning?.(warning);
  return graph;
}

/**
 * Writes a model file (.onnx) of standard operators. The file appears complete or not at all; missing folders are made.
 * @throws DataError when it can't be written; UnsupportedError when the graph has no form in the wanted opset.
 */
export async function writeModel(
  path: string,
  graph: Graph,
  options: WriteOptions = {},
): Promise<void> {
  requireOnnx(path);
  await makeFolderOf(path);
  await writeOnnx(path, graph, options);
}
