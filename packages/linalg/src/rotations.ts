/**
 * Applies long sequences of plane rotations to the rows of a matrix. One rotation alone is bound by
 * memory; so they are collected, and each strip of columns, small enough for the second-level
 * cache, gets the whole list in one call of the generated kernel.
 */
import { kernelsWithMemory, rotationBytes, stripColumns } from './kernel.ts';
import type { RotationSink } from './ql.ts';

const largestList = 65536;
const wordsPerRotation = rotationBytes / 8;

export interface RowRotator {
  readonly rotate: RotationSink;
  /** Applies what is still outstanding. */
  readonly flush: () => void;
}

/** Collects rotations for the n rows of Z `[n, n]`. */
export function rowRotator(z: Float64Array, n: number): RowRotator {
  const capacity = Math.min(largestList, Math.ceil((n * n) / 2)); // QL needs 0.8·n² in all
  const list = new Float64Array(capacity * wordsPerRotation);
  const rows = new Int32Array(list.buffer);
  let count = 0;
  const flush = () => {
    applyRotations(z, n, list.subarray(0, count * wordsPerRotation));
    count = 0;
  };
  const rotate: RotationSink = (row, cosine, sine) => {
    if (count === capacity) flush();
    const at = count++ * wordsPerRotation;
    rows[2 * at] = row;
    list[at + 1] = cosine;
    list[at + 2] = sine;
  };
  return { rotate, flush };
}

function applyRotations(z: Float64Array, n: number, list: Float64Array): void {
  const stripSize = n * stripColumns;
  const { memory, rotateRows } = kernelsWithMemory(8 * (stripSize + list.length));
  const strip = new Float64Array(memory.buffer, 0, stripSize);
  new Float64Array(memory.buffer, 8 * stripSize, list.length).set(list);
  for (let column = 0; column < n; column += stripColumns) {
    const width = Math.min(stripColumns, n - column);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < width; j++) strip[i * stripColumns + j] = z[i * n + column + j]!;
    rotateRows(8 * stripSize, list.length / wordsPerRotation, 0);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < width; j++) z[i * n + column + j] = strip[i * stripColumns + j]!;
  }
}
