/** Loop nests over strided operands. */
import type { Emitter, Pointer } from '../kernel.ts';

/** A loop nest: sizes, outermost first, and for each operand the stride (in floats) of each loop. */
export interface Nest {
  readonly sizes: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/**
 * The nest with loops ordered by the first operand's strides, loops of one round dropped, and neighbouring loops
 * merged where every operand runs straight on: stride(outer) = stride(inner) · size(inner).
 */
export function collapse({ sizes, strides }: Nest): Nest {
  const target = strides[0] ?? [];
  const order = sizes
    .map((_, axis) => axis)
    .filter((axis) => sizes[axis] !== 1)
    .sort((a, b) => Math.abs(target[b] ?? 0) - Math.abs(target[a] ?? 0) || a - b);
  const merged: { size: number; strides: number[] }[] = [];
  for (const axis of order.reverse()) {
    const inner = merged[0];
    const size = sizes[axis] ?? 1;
    const own = strides.map((operand) => operand[axis] ?? 0);
    if (inner && own.every((stride, at) => stride === (inner.strides[at] ?? 0) * inner.size))
      inner.size *= size;
    else merged.unshift({ size, strides: own });
  }
  return {
    sizes: merged.map(({ size }) => size),
    strides: strides.map((_, operand) => merged.map((loop) => loop.strides[operand] ?? 0)),
  };
}

/** Emits the loops of a nest around `body`, which finds each pointer at its operand's place and leaves it there. */
export function emitNest(
  f: Emitter,
  nest: Nest,
  pointers: readonly Pointer[],
  body: () => void,
): void {
  const emitLevel = (level: number): void => {
    const size = nest.sizes[level];
    if (size === undefined) {
      body();
      return;
    }
    const moves = pointers.map(
      (pointer, at) => [pointer, 4 * (nest.strides[at]?.[level] ?? 0)] as const,
    );
    f.forRange(f.local('i32'), 0, size, 1, () => {
      emitLevel(level + 1);
      for (const [pointer, bytes] of moves) if (bytes) f.increment(pointer, bytes);
    });
    for (const [pointer, bytes] of moves) if (bytes) f.increment(pointer, -bytes * size);
  };
  emitLevel(0);
}
