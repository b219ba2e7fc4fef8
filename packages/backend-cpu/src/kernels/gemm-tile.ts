/**
 * The inner kernel of all matrix products: a tile of pixels × up to 16 output channels stays in registers while k
 * runs over contiguous floats of each pixel:
 *
 *   acc[p][j] += x[p, k] · w[k, j]       per k: 4 vector loads of w, one splat of x per pixel, 4 FMAs per pixel
 *
 * Tile 2 × 16 needs 8 accumulators + 4 weights + 1 splat of the 16 registers that x64 has. Compilers up to V8 12
 * hoist all loads of an unrolled body and spill, so the FMA loop is not unrolled; the mul+add loop is, with branches
 * never taken between its parts, which pin the order.
 */
import { advance, multiplyAdd } from '../emit/simd.ts';
import type { Emitter, Pointer, Vector } from '../kernel.ts';

export class GemmTile {
  /** Input of the first pixel and weights; a product leaves them behind what it has read. */
  readonly x: Pointer;
  readonly w: Pointer;
  private readonly f: Emitter;
  private readonly fma: boolean;
  /** Bytes from one pixel of the tile to the next. */
  private readonly pixelBytes: number;
  private readonly never: Pointer;
  private readonly end: Pointer;
  private readonly accumulators: Vector[];
  private readonly weights: Vector[];
  private readonly splat: Vector;

  /** @param options.never a parameter that is always 0, which the compiler doesn't know. */
  constructor(
    f: Emitter,
    options: { readonly fma: boolean; readonly pixelBytes: number; readonly never: Pointer },
  ) {
    this.f = f;
    this.fma = options.fma;
    this.pixelBytes = options.pixelBytes;
    this.never = options.never;
    this.accumulators = f.locals('v128', 9);
    this.weights = f.locals('v128', 4);
    this.splat = f.local('v128');
    [this.x, this.w, this.end] = f.locals('i32', 3) as [Pointer, Pointer, Pointer];
  }

  /** The sum of a pixel and a vector of channels. */
  sum(pixel: number, vector: number, vectors: number): Vector {
    return this.accumulators[pixel * vectors + vector] as Vector;
  }

  /** Sets all sums to the bias that lies at `bias`, or to 0. */
  start(pixels: number, vectors: number, bias?: Pointer): void {
    const { f } = this;
    for (let j = 0; j < vectors; j++) {
      if (bias) f.get(bias).mem('v128.load', 16 * j);
      else f.f32x4(0);
      f.set(this.weights[j] as Vector);
      for (let p = 0; p < pixels; p++)
        f.get(this.weights[j] as Vector).set(this.sum(p, j, vectors));
    }
  }

  /** One k: loads a row of the panel, multiplies it with one input float of each pixel. */
  private step(pixels: number, vectors: number, unrolled: number): void {
    const { f } = this;
    for (let j = 0; j < vectors; j++)
      f.get(this.w)
        .mem('v128.load', 16 * (unrolled * vectors + j))
        .set(this.weights[j] as Vector);
    for (let p = 0; p < pixels; p++) {
      f.get(this.x)
        .mem('v128.load32_splat', p * this.pixelBytes + 4 * unrolled)
        .set(this.splat);
      for (let j = 0; j < vectors; j++)
        multiplyAdd(f, this.sum(p, j, vectors), this.splat, this.weights[j] as Vector, this.fma);
    }
  }

  /** Adds the product over `length` contiguous input floats. */
  product(length: number, pixels: number, vectors: number): void {
    const { f } = this;
    const unroll = this.fma ? 1 : 4;
    const rounds = Math.floor(length / unroll);
    const move = (steps: number): void =>
      advance(f, [
        [this.x, 4 * steps],
        [this.w, 16 * vectors * steps],
      ]);
    if (rounds > 0) {
      f.get(this.x)
        .i32(4 * unroll * rounds)
        .op('i32.add')
        .set(this.end);
      f.block((exit) =>
        f.loop((again) => {
          for (let at = 0; at < unroll; at++) {
            this.step(pixels, vectors, at);
            // Never taken; each needs its own constant, or the compiler merges them.
            if (at < unroll - 1)
              f.get(this.never)
                .i32(100 + at)
                .op('i32.eq')
                .brIf(exit);
          }
          move(unroll);
          f.get(this.x).get(this.end).op('i32.ne').brIf(again);
        }),
      );
    }
    for (let rest = rounds * unroll; rest < length; rest++) {
      this.step(pixels, vectors, 0);
      move(1);
    }
  }
}
