/** Digests that tell whether two models, or two data sets, are the same. */
import type { Dataset } from '@decouple/calibration';
import { printGraph, type Graph } from '@decouple/ir';

const hex = (buffer: ArrayBuffer): string =>
  Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** SHA-256 of bytes or text, in hexadecimal. */
export const digestOf = async (data: string | Uint8Array<ArrayBuffer>): Promise<string> =>
  hex(
    await globalThis.crypto.subtle.digest(
      'SHA-256',
      typeof data === 'string' ? new TextEncoder().encode(data) : data,
    ),
  );

/** Digest of structure and weights. */
export async function digestOfGraph(graph: Graph): Promise<string> {
  const parts = [printGraph({ ...graph, constants: new Map() })];
  for (const [name, { dtype, shape, data }] of graph.constants) {
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    parts.push(`${name} ${dtype}[${shape.join()}] ${await digestOf(bytes)}`);
  }
  return digestOf(parts.join('\n'));
}

/** Digest of a data set's size, labels and first and last samples: enough to notice that it was exchanged. */
export async function digestOfDataset(dataset: Dataset): Promise<string> {
  const { samples, sampleShape, labels } = dataset;
  const ends = samples ? await dataset.batch([...new Set([0, samples - 1])]) : undefined;
  const bytes = ends ? new Uint8Array(ends.data.slice().buffer) : new Uint8Array();
  return digestOf(
    `${samples} ${sampleShape.join()} ${labels?.join() ?? ''} ${await digestOf(bytes)}`,
  );
}
