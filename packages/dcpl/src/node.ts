/** `.dcpl` files on disk. */
import { basename } from 'node:path';
import type { Graph } from '@decouple/ir';
import { readBytes, writeFilesWhole } from '@decouple/tensor/node';
import { decodeDcpl } from './decode.ts';
import { dcplParts, type EncodeOptions } from './encode.ts';

/**
 * Reads a file. Its bytes are read once and shared by the constants that are stored as they are.
 * @throws DataError when it can't be read; ModelError as `decodeDcpl`.
 */
export const readDcpl = async (path: string): Promise<Graph> =>
  decodeDcpl(await readBytes(path), basename(path));

/**
 * Writes a graph to a file, which appears complete or not at all.
 * @throws DataError when it can't be written.
 */
export const writeDcpl = (path: string, graph: Graph, options: EncodeOptions = {}): Promise<void> =>
  writeFilesWhole([{ path, content: dcplParts(graph, options) }]);
