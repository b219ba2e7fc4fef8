/** ONNX files on disk. */
import { basename } from 'node:path';
import type { Graph, Problem } from '@decouple/ir';
import { OptionError } from '@decouple/tensor';
import { readBytes, writeFilesWhole } from '@decouple/tensor/node';
import { exportParts, type ExportOptions } from './export/export.ts';
import { maxBytes } from './export/file.ts';
import {
  checkModel,
  importModel,
  type Checked,
  type Imported,
  type ImportOptions,
} from './import/import.ts';
import { collectInto, throwFirst } from './import/problems.ts';
import { loadExternalData } from './node/external-data.ts';
import { decodeModel } from './proto.ts';
import { within } from './within.ts';

/**
 * Reads and imports an ONNX file. External data are read from files in the same folder, each tensor by its range, so
 * that models may be larger than an ONNX file can be.
 * @throws DataError when the file can't be read; errors as `importOnnx`; ModelError naming the tensor whose external
 * data are missing, too short, or outside the model's folder.
 */
export async function readOnnx(path: string, options: ImportOptions = {}): Promise<Imported> {
  const file = basename(path);
  const model = decodeModel(await readBytes(path), file);
  try {
    await loadExternalData(model, path, throwFirst);
  } catch (error) {
    throw within(file, error);
  }
  return importModel(model, { file, bytesAreOurs: true, ...options });
}

/**
 * Lists everything wrong with an ONNX file, as `checkOnnx`.
 * @throws DataError when the file can't be read.
 */
export async function checkOnnxFile(path: string): Promise<Checked> {
  const bytes = await readBytes(path);
  const file = basename(path);
  const problems: Problem[] = [];
  const report = collectInto(problems);
  try {
    const model = decodeModel(bytes, file);
    await loadExternalData(model, path, report);
    const unread = new Set(problems.map(({ node, op }) => `${op} ${node}`));
    const checked = checkModel(model, { file });
    // What could not be read is reported once more by the import, which misses it.
    const others = checked.problems.filter(({ node, op }) => !unread.has(`${op} ${node}`));
    return { graph: checked.graph, problems: [...problems, ...others] };
  } catch (error) {
    report(file, 'file', error);
    return { graph: undefined, problems };
  }
}

export interface WriteOptions extends ExportOptions {
  /**
   * Whether weights go to a second file, `<name>.data`, beside the model. Default 'auto': when the model is larger
   * than an ONNX file can be (2 GiB).
   */
  readonly externalData?: 'auto' | boolean;
  /** Bytes from which on a tensor goes there. Default 1024. */
  readonly threshold?: number;
}

/** What is left for everything but the weights. */
const spareBytes = 2 ** 26;

const isTooLarge = (graph: Graph): boolean =>
  [...graph.constants.values()].reduce((sum, { data }) => sum + data.byteLength, 0) >
  maxBytes - spareBytes;

/**
 * Exports a graph to a file, or to two. They appear complete or not at all: they are written under temporary names
 * beside `path` and then renamed, the data first.
 * @throws DataError when they can't be written; errors as `exportOnnx`.
 */
export async function writeOnnx(
  path: string,
  graph: Graph,
  options: WriteOptions = {},
): Promise<void> {
  const { externalData = 'auto', threshold = 1024 } = options;
  if (!Number.isInteger(threshold) || threshold < 0)
    throw new OptionError(`threshold: a number of bytes ≥ 0 expected, got ${threshold}`);
  const isExternal = externalData === 'auto' ? isTooLarge(graph) : externalData;
  if (!isExternal) return writeFilesWhole([{ path, content: exportParts(graph, options).model }]);
  const location = `${basename(path)}.data`;
  const { model, data } = exportParts(graph, { ...options, external: { location, threshold } });
  await writeFilesWhole([
    { path: `${path}.data`, content: data },
    { path, content: model },
  ]);
}
