/**
 * Copies between layouts whose contiguous axes differ, as NCHW and NHWC do: blocks of 4 × 4 floats are loaded along
 * the one axis, transposed in registers and stored along the other. Called `i` is the axis contiguous in the result,
 * `j` the one contiguous in the source.
 */
import { emitNest, type Nest } from '../emit/nest.ts';
import { advance } from '../emit/simd.ts';
import type { Emitter, Pointer, Vector } from '../kernel.ts';

/** Along j, so many floats are done for all i before going on: their lines stay in the first-level cache. */
const blockSize = 64;

/** The two axes of a nest over (result, source) that this copy serves; `undefined` for all other nests. */
export function transposedAxes({ sizes, strides }: Nest): { i: number; j: number } | undefined {
  const [to, from] = strides as [readonly number[], readonly number[]];
  const i = sizes.length - 1;
  const j = from.indexOf(1);
  const forward = [...to, ...from].every((stride) => stride >= 0);
  const serves = forward && to[i] === 1 && j >= 0 && j !== i;
  return serves && [i, j].every((axis) => (sizes[axis] ?? 0) >= 4) ? { i, j } : undefined;
}

class TransposedCopy {
  private readonly f: Emitter;
  /** Bytes from one j to the next in the result, and from one i to the next in the source. */
  private readonly toStep: number;
  private readonly fromStep: number;
  private readonly to: Pointer;
  private readonly from: Pointer;
  private readonly rows: Vector[];
  private readonly halves: Vector[];

  constructor(f: Emitter, toStep: number, fromStep: number) {
    this.f = f;
    this.toStep = toStep;
    this.fromStep = fromStep;
    [this.to, this.from] = f.locals('i32', 2) as [Pointer, Pointer];
    this.rows = f.locals('v128', 4);
    this.halves = f.locals('v128', 4);
  }

  /** Leaves a vector made of lanes of two others. */
  private pick(
    [a, b]: readonly [number, number],
    source: readonly Vector[],
    lanes: readonly [number, number, number, number],
  ): void {
    this.f
      .get(source[a] as Vector)
      .get(source[b] as Vector)
      .shuffle32(lanes);
  }

  /** Four i by four j. */
  private square(): void {
    const { f, rows, halves } = this;
    rows.forEach((row, i) =>
      f
        .get(this.from)
        .mem('v128.load', i * this.fromStep)
        .set(row),
    );
    // halves: (0,1) low, (0,1) high, (2,3) low, (2,3) high, interleaved.
    halves.forEach((half, at) => {
      this.pick(at < 2 ? [0, 1] : [2, 3], rows, at % 2 ? [2, 6, 3, 7] : [0, 4, 1, 5]);
      f.set(half);
    });
    for (let j = 0; j < 4; j++) {
      f.get(this.to);
      this.pick(j < 2 ? [0, 2] : [1, 3], halves, j % 2 ? [2, 3, 6, 7] : [0, 1, 4, 5]);
      f.mem('v128.store', j * this.toStep);
    }
    advance(f, [
      [this.to, 4 * this.toStep],
      [this.from, 16],
    ]);
  }

  /** `i` places, at most four, by one j. */
  private line(i: number): void {
    const { f } = this;
    for (let at = 0; at < i; at++)
      f.get(this.to)
        .get(this.from)
        .mem('f32.load', at * this.fromStep)
        .mem('f32.store', 4 * at);
    advance(f, [
      [this.to, this.toStep],
      [this.from, 4],
    ]);
  }

  /** All i by `length` places along j, from the given pointers on. */
  block(to: Pointer, from: Pointer, i: number, length: number): void {
    const { f } = this;
    const [rowTo, rowFrom] = f.locals('i32', 2) as [Pointer, Pointer];
    f.get(to).set(rowTo).get(from).set(rowFrom);
    const start = (): void => void f.get(rowTo).set(this.to).get(rowFrom).set(this.from);
    f.forRange(f.local('i32'), 0, Math.floor(i / 4), 1, () => {
      start();
      f.forRange(f.local('i32'), 0, Math.floor(length / 4), 1, () => this.square());
      for (let rest = 0; rest < length % 4; rest++) this.line(4);
      advance(f, [
        [rowTo, 16],
        [rowFrom, 4 * this.fromStep],
      ]);
    });
    if (i % 4 === 0) return;
    start();
    f.forRange(f.local('i32'), 0, length, 1, () => this.line(i % 4));
  }
}

/** Parameters: result, source. @param nest over (result, source), which `transposedAxes` accepts. */
export function emitTransposedCopy(
  f: Emitter,
  args: readonly Pointer[],
  nest: Nest,
  { i, j }: { readonly i: number; readonly j: number },
): void {
  const others = nest.sizes.map((_, axis) => axis).filter((axis) => axis !== i && axis !== j);
  const pickAxes = (values: readonly number[]): number[] =>
    others.map((axis) => values[axis] as number);
  const outer: Nest = { sizes: pickAxes(nest.sizes), strides: nest.strides.map(pickAxes) };
  const [toStrides, fromStrides] = nest.strides as [readonly number[], readonly number[]];
  const [toStep, fromStep] = [4 * (toStrides[j] as number), 4 * (fromStrides[i] as number)];
  const [countI, countJ] = [nest.sizes[i] as number, nest.sizes[j] as number];
  const copy = new TransposedCopy(f, toStep, fromStep);
  const [to, from] = f.locals('i32', 2) as [Pointer, Pointer];
  emitNest(f, outer, args, () => {
    f.get(args[0] as Pointer)
      .set(to)
      .get(args[1] as Pointer)
      .set(from);
    f.forRange(f.local('i32'), 0, Math.floor(countJ / blockSize), 1, () => {
      copy.block(to, from, countI, blockSize);
      advance(f, [
        [to, blockSize * toStep],
        [from, 4 * blockSize],
      ]);
    });
    if (countJ % blockSize) copy.block(to, from, countI, countJ % blockSize);
  });
}
