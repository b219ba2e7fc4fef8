/**
 * The inner kernel of all matrix products: the sums of a tile of pixels × vectors of output channels stay in registers
 * while k runs over contiguous floats of each pixel:
 *
 *   sum[p][j] += x[p, k] · w[k, j]       per k: a vector load for each j, a splat for each p, an FMA for each pair
 *
 * A core with two FMA units that take five cycles wants ten sums. Compilers up to V8 12 move all loads of a straight
 * piece of code before its arithmetic and spill what doesn't fit; so there are branches between parts whose loads fit.
 * They are never taken, but compare a pointer that the loop moves on: the compiler doesn't know, nor does it when it
 * unrolls the loop, as it does with a value that stays.
 */
import { advance, multiplyAdd, vectorRegisters } from '../emit/simd.ts';
import type { Emitter, Pointer, Vector } from '../kernel.ts';
import { mostPanelVectors, tileSums } from './gemm-panels.ts';

export class GemmTile {
  /** Input of the first pixel and weights; a product leaves them behind what it has read. */
  readonly x: Pointer;
  readonly w: Pointer;
  /** What a product reads ahead. */
  readonly ahead: Pointer;
  private readonly f: Emitter;
  private readonly fma: boolean;
  /** Bytes from one pixel of the tile to the next. */
  private readonly pixelBytes: number;
  private readonly end: Pointer;
  private readonly sums: Vector[];
  private readonly weights: Vector[];
  private readonly splats: Vector[];

  constructor(f: Emitter, options: { readonly fma: boolean; readonly pixelBytes: number }) {
    this.f = f;
    this.fma = options.fma;
    this.pixelBytes = options.pixelBytes;
    this.sums = f.locals('v128', tileSums);
    this.weights = f.locals('v128', mostPanelVectors);
    this.splats = f.locals('v128', tileSums);
    [this.x, this.w, this.end] = f.locals('i32', 3) as [Pointer, Pointer, Pointer];
    this.ahead = f.local('i32');
  }

  /** The sum of a pixel and a vector of channels. */
  sum(pixel: number, vector: number, vectors: number): Vector {
    return this.sums[pixel * vectors + vector] as Vector;
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

  private loadWeights(vector: number): void {
    this.f
      .get(this.w)
      .mem('v128.load', 16 * vector)
      .set(this.weights[vector] as Vector);
  }

  private loadInput(pixel: number): void {
    this.f
      .get(this.x)
      .mem('v128.load32_splat', pixel * this.pixelBytes)
      .set(this.splats[pixel] as Vector);
  }

  private multiplyAdd(pixel: number, vector: number, vectors: number): void {
    const [splat, weight] = [this.splats[pixel] as Vector, this.weights[vector] as Vector];
    multiplyAdd(this.f, this.sum(pixel, vector, vectors), splat, weight, this.fma);
  }

  /** One k. Of weights and inputs the fewer are loaded first; the others come one by one. */
  private step(pixels: number, vectors: number, barrier: (index: number) => void): void {
    const byPixel = vectors <= pixels;
    const [kept, passing] = byPixel ? [vectors, pixels] : [pixels, vectors];
    const room = vectorRegisters(this.fma) - pixels * vectors - kept;
    const parts = Math.ceil(passing / room);
    const partOf = (index: number): number => Math.floor((index * parts) / passing);
    for (let at = 0; at < kept; at++) {
      if (byPixel) this.loadWeights(at);
      else this.loadInput(at);
    }
    for (let index = 0; index < passing; index++) {
      if (index > 0 && partOf(index) > partOf(index - 1)) barrier(partOf(index));
      if (byPixel) this.loadInput(index);
      else this.loadWeights(index);
      for (let at = 0; at < kept; at++)
        this.multiplyAdd(byPixel ? index : at, byPixel ? at : index, vectors);
    }
  }

  /**
   * Adds the product over `length` contiguous input floats. With each of them `aheadBytes` of what lies at `ahead` are
   * brought into the cache, by plain loads: WebAssembly has no prefetch.
   */
  product(length: number, pixels: number, vectors: number, aheadBytes = 0): void {
    const { f, x, end, ahead } = this;
    f.get(x)
      .i32(4 * length)
      .op('i32.add')
      .set(end);
    f.block((exit) =>
      f.loop((again) => {
        if (aheadBytes) f.get(ahead).mem('i32.load', 0).op('drop').increment(ahead, aheadBytes);
        // No address is so small. Each barrier needs its own number, or the compiler merges them.
        this.step(pixels, vectors, (index) => f.get(x).i32(index).op('i32.eq').brIf(exit));
        advance(f, [
          [x, 4],
          [this.w, 16 * vectors],
        ]);
        f.get(x).get(end).op('i32.ne').brIf(again);
      }),
    );
  }
}
