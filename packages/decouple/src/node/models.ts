/** Model files. The format goes by the file's extension: `.onnx`, `.dcpl`, or `.txt` for the text of a graph. */
import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { readDcpl, writeDcpl } from '@decouple/dcpl/node';
import { nonFiniteConstants, parseGraph, printGraph, type Graph, type Problem } from '@decouple/ir';
import type { ImportWarning } from '@decouple/onnx';
import { checkOnnxFile, readOnnx, writeOnnx, type WriteOptions } from '@decouple/onnx/node';
import {
  DataError,
  DecoupleError,
  messageOf,
  OptionError,
  UnsupportedError,
} from '@decouple/tensor';
import { makeFolderOf, writeFileWhole } from './files.ts';

export type { WriteOptions };

export interface ReadModelOptions {
  /** Told of what the graph does not hold, or holds without understanding it. */
  readonly onWarning?: (warning: ImportWarning) => void;
}

/** What a check of a file gives: the graph unless it can't be made. */
interface CheckedFile {
  readonly graph: Graph | undefined;
  readonly problems: readonly Problem[];
}

interface Format {
  read(path: string, options: ReadModelOptions): Promise<Graph>;
  check(path: string): Promise<CheckedFile>;
  write(path: string, graph: Graph, options: WriteOptions): Promise<void>;
}

async function readText(path: string): Promise<Graph> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new DataError(`${path}: can't be read: ${messageOf(error)}`, { cause: error });
  }
  return parseGraph(text, basename(path));
}

async function writeText(path: string, graph: Graph, { weights }: WriteOptions): Promise<void> {
  if (weights !== undefined && weights !== 'f32')
    throw new OptionError(`weights: text holds them in full, got ${weights}`);
  await writeFileWhole(path, printGraph(graph));
}

/** A format of our own holds nothing that is not understood: the first problem is the only one. */
const ownFormat = (read: (path: string) => Promise<Graph>, write: Format['write']): Format => ({
  read,
  write,
  check: async (path) => {
    try {
      const graph = await read(path);
      const problems = nonFiniteConstants(graph).map((node) => ({
        node,
        op: 'weight',
        message: 'holds NaN or Infinity',
      }));
      return { graph, problems };
    } catch (error) {
      if (!(error instanceof DecoupleError) || error instanceof DataError) throw error;
      const problem = { node: basename(path), op: 'file', message: error.message };
      return { graph: undefined, problems: [problem] };
    }
  },
});

const formats: Readonly<Record<string, Format>> = {
  '.onnx': {
    read: async (path, options) => {
      const { graph, warnings } = await readOnnx(path);
      for (const warning of warnings) options.onWarning?.(warning);
      return graph;
    },
    check: checkOnnxFile,
    write: writeOnnx,
  },
  '.dcpl': ownFormat(readDcpl, writeDcpl),
  '.txt': ownFormat(readText, writeText),
};

/** @throws UnsupportedError when the extension is none of them. */
export function formatOf(path: string): Format {
  const extension = extname(path).toLowerCase();
  const format = Object.hasOwn(formats, extension) ? formats[extension] : undefined;
  if (!format)
    throw new UnsupportedError(
      `${path}: format '${extension}' is not known; model files are ${Object.keys(formats).join(', ')}`,
    );
  return format;
}

/**
 * Reads a model file: `.onnx`, `.dcpl`, or `.txt`.
 * @throws DataError when the file can't be read; ModelError when it is broken; UnsupportedError for other formats.
 */
export const readModel = async (path: string, options: ReadModelOptions = {}): Promise<Graph> =>
  formatOf(path).read(path, options);

/**
 * Writes a model file: `.onnx` of standard operators, `.dcpl`, or `.txt`. The file appears complete or not at all;
 * missing folders are made. Options are for `.onnx`, but for `weights`, which `.dcpl` takes as well.
 * @throws DataError when it can't be written; UnsupportedError when the graph has no form in the wanted opset;
 * OptionError for smaller weights in `.txt`.
 */
export async function writeModel(
  path: string,
  graph: Graph,
  options: WriteOptions = {},
): Promise<void> {
  const format = formatOf(path);
  await makeFolderOf(path);
  await format.write(path, graph, options);
}
