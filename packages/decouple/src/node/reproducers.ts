/** Reproducers of failed runs as files. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readBytes } from '@decouple/tensor/node';
import { decodeReproducer, encodeReproducer, type Reproducer } from '../reproducer.ts';
import { writeFileWhole } from './files.ts';

/** Versions of the project and of Node. */
export function versions(): Record<string, string> {
  const file = new URL('../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return { decouple: version, node: process.versions.node };
}

/**
 * Writes a reproducer to `decouple-reproducer-<pass>.safetensors` in a folder, in place of an earlier one.
 * @returns the file's path.
 * @throws DataError when it can't be written.
 */
export async function writeReproducer(folder: string, reproducer: Reproducer): Promise<string> {
  const pass = reproducer.error.pass.replace(/[^\w-]+/g, '_');
  const path = join(folder, `decouple-reproducer-${pass}.safetensors`);
  await writeFileWhole(path, encodeReproducer(reproducer));
  return path;
}

/** Reads a reproducer. @throws DataError when it can't be read or is damaged. */
export const readReproducer = async (path: string): Promise<Reproducer> =>
  decodeReproducer(await readBytes(path), path);
