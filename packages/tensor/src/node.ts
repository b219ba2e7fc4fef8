/** Files: read whole into memory of their own, and written so that they appear complete or not at all. */
import { open, realpath, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { DataError, messageOf } from './errors.ts';

/** Several reads of this size at once are fastest: each stays within the processor's cache. */
const chunkBytes = 2 ** 20;
const readers = 4;

/** Fills `out` with what is in an open file from `offset` on. @returns bytes read: fewer when the file ends before. */
async function fill(file: FileHandle, out: Uint8Array, offset: number): Promise<number> {
  let [next, read] = [0, 0];
  const reader = async (): Promise<void> => {
    while (next < out.length) {
      const end = Math.min(next + chunkBytes, out.length);
      let at = next;
      next = end;
      while (at < end) {
        const { bytesRead } = await file.read(out, at, end - at, offset + at);
        if (bytesRead === 0) return;
        at += bytesRead;
        read += bytesRead;
      }
    }
  };
  await Promise.all(Array.from({ length: readers }, reader));
  return read;
}

const unreadable = (path: string, error: unknown): DataError =>
  new DataError(`${path}: can't be read: ${messageOf(error)}`, { cause: error });

/** A file, or a range of it, in memory of its own that starts at offset 0 of its buffer. */
export interface FileRange {
  readonly offset?: number;
  /** Default: to the end. */
  readonly length?: number;
}

/**
 * Reads a file or a range of it.
 * @throws DataError naming the file when it can't be read, is no regular file, or ends before the range.
 */
export async function readBytes(
  path: string,
  { offset = 0, length }: FileRange = {},
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const file = await open(path, 'r');
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw new Error('not a regular file');
      const wanted = length ?? Math.max(0, stats.size - offset);
      if (offset + wanted > stats.size)
        throw new Error(`bytes ${offset} to ${offset + wanted} of ${stats.size} wanted`);
      const bytes = new Uint8Array(wanted);
      const read = await fill(file, bytes, offset);
      if (read !== wanted) throw new Error(`${wanted} bytes expected, got ${read}`);
      return bytes;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** A file to write: text, bytes, or bytes in pieces. */
export interface WholeFile {
  readonly path: string;
  readonly content: string | Uint8Array | Iterable<Uint8Array>;
}

/** Where content goes: to what a link leads to, under a temporary name; to devices and pipes at once. */
interface Destination {
  readonly target: string;
  readonly temporary: string | undefined;
}

async function destinationOf(path: string): Promise<Destination> {
  const target = await realpath(path).catch(() => path);
  const known = await stat(target).catch(() => undefined);
  if (known?.isDirectory()) throw new Error('it is a folder');
  const replaceable = !known || known.isFile();
  return { target, temporary: replaceable ? `${target}.${process.pid}.tmp` : undefined };
}

async function writeTo(
  { target, temporary }: Destination,
  content: WholeFile['content'],
): Promise<void> {
  const file = await open(temporary ?? target, 'w');
  try {
    await writeFile(file, content);
    if (temporary !== undefined) await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Writes files that belong together: all under temporary names beside their paths, then renamed in order.
 * @throws DataError naming the file; no temporary file remains.
 */
export async function writeFilesWhole(files: readonly WholeFile[]): Promise<void> {
  const destinations: Destination[] = [];
  let current = files[0]?.path ?? '';
  try {
    for (const { path, content } of files) {
      current = path;
      const destination = await destinationOf(path);
      destinations.push(destination);
      await writeTo(destination, content);
    }
    for (const [index, { target, temporary }] of destinations.entries()) {
      current = files[index]?.path ?? target;
      if (temporary !== undefined) await rename(temporary, target);
    }
  } catch (error) {
    for (const { temporary } of destinations)
      if (temporary !== undefined) await rm(temporary, { force: true }).catch(() => undefined);
    throw new DataError(`${current}: can't be written: ${messageOf(error)}`, { cause: error });
  }
}
