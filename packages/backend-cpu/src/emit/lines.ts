/** Vector code over one line of contiguous floats, of any length. */
import type { Emitter, Pointer, Vector } from '../kernel.ts';

/** Runs `body` on each vector of a line of `size` floats; the last may have fewer lanes that count. */
export function forVectors(
  f: Emitter,
  size: number,
  pointers: readonly Pointer[],
  body: (lanes: number) => void,
): void {
  f.forRange(f.local('i32'), 0, Math.floor(size / 4), 1, () => {
    body(4);
    for (const pointer of pointers) f.increment(pointer, 16);
  });
  if (size % 4) body(size % 4);
}

/** Keeps the first `lanes` lanes of the vector on the stack, others become `other`. */
export function keepLanes(f: Emitter, lanes: number, other: number): void {
  if (lanes === 4) return;
  const mask = new Int32Array([0, 1, 2, 3].map((lane) => (lane < lanes ? -1 : 0)));
  f.f32x4(other).v128(mask).op('v128.bitselect');
}

export type LaneOperation = 'f32x4.add' | 'f32x4.mul' | 'f32x4.max' | 'f32x4.min';

/** Replaces the vector on the stack by one whose every lane is the reduction of its lanes. */
export function reduceLanes(f: Emitter, operation: LaneOperation, spare: Vector): void {
  for (const lanes of [
    [2, 3, 0, 1],
    [1, 0, 3, 2],
  ] as const)
    f.tee(spare).get(spare).get(spare).shuffle32(lanes).op(operation);
}
