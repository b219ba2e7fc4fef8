/** Small pieces of vector code that kernels share. */
import type { Activation } from '@decouple/ir';
import type { Emitter, Pointer, Vector } from '../kernel.ts';

/**
 * Vector registers of x64 less the one that V8 keeps for itself and, without `fma`, one for products that are rounded
 * before they are added.
 */
export const vectorRegisters = (fma: boolean): number => (fma ? 15 : 14);

/** `accumulator += a · b`, with one rounding if `fma`. */
export function multiplyAdd(
  f: Emitter,
  accumulator: Vector,
  a: Vector,
  b: Vector,
  fma: boolean,
): void {
  if (fma) f.get(a).get(b).get(accumulator).op('f32x4.relaxed_madd').set(accumulator);
  else f.get(accumulator).get(a).get(b).op('f32x4.mul', 'f32x4.add').set(accumulator);
}

/**
 * Applies an activation to the vector on the stack. `pmin`/`pmax` pick an operand by one comparison, in the order
 * that lets NaN through as the reference does.
 * @param spare a local that may be overwritten.
 */
export function activate(f: Emitter, activation: Activation, spare: Vector): void {
  switch (activation?.kind) {
    case undefined:
      return;
    case 'relu':
      f.f32x4(0).op('f32x4.pmax');
      return;
    case 'clip':
      f.f32x4(activation.min).op('f32x4.pmax').f32x4(activation.max).op('f32x4.pmin');
      return;
    case 'leaky-relu':
      f.tee(spare).get(spare).f32x4(activation.alpha).op('f32x4.mul');
      f.get(spare).f32x4(0).op('f32x4.lt');
      // bitselect takes (if-set, if-clear, mask); the stack holds x, alpha·x, x < 0, so select the other way round.
      f.op('v128.not', 'v128.bitselect');
      return;
  }
}

/** Stores the first `lanes` lanes of a vector at `address + offset`. */
export function storeLanes(
  f: Emitter,
  address: Pointer,
  offset: number,
  value: Vector,
  lanes: number,
): void {
  if (lanes === 4) {
    f.get(address).get(value).mem('v128.store', offset);
    return;
  }
  if (lanes >= 2) f.get(address).get(value).memLane('v128.store64_lane', 0, offset);
  if (lanes % 2)
    f.get(address)
      .get(value)
      .memLane('v128.store32_lane', lanes - 1, offset + 4 * (lanes - 1));
}

/** Writes `floats` zeros from `address` on. */
export function fillZeros(f: Emitter, address: Pointer, floats: number, zero: Vector): void {
  if (floats > 64) {
    f.get(address)
      .i32(0)
      .i32(4 * floats)
      .memoryFill();
    return;
  }
  for (let at = 0; at < floats; at += 4)
    storeLanes(f, address, 4 * at, zero, Math.min(4, floats - at));
}

/** Moves each pointer on by its number of bytes. */
export function advance(f: Emitter, pointers: readonly (readonly [Pointer, number])[]): void {
  for (const [pointer, bytes] of pointers) if (bytes !== 0) f.increment(pointer, bytes);
}

/** `target = base + index · scale`. */
export function setScaled(
  f: Emitter,
  target: Pointer,
  base: Pointer,
  index: Pointer,
  scale: number,
): void {
  f.get(base).get(index).i32(scale).op('i32.mul', 'i32.add').set(target);
}
