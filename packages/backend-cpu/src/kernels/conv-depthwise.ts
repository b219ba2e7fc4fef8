/**
 * Convolutions with few taps per group, vectorised over channels. Two forms:
 *
 * - multiplier m, one input channel per group: y[c·m+j] = Σ_taps w[c·m+j] · x[c]. A vector of four outputs reads its
 *   input channels by one load and a fixed shuffle.
 * - t terms, one output per group: y[o] = Σ_t Σ_taps w[o,t] · x[o·t+…]. Products accumulate per input channel, as in
 *   a depthwise convolution over all o·t of them, and neighbours are added once at the end.
 *
 * Weights are packed [vector of outputs][term][kh][kw][4]. A tile of pixels shares each load of weights and of inputs.
 */
import { gcd } from '../emit/gcd.ts';
import {
  activate,
  advance,
  multiplyAdd,
  setScaled,
  storeLanes,
  vectorRegisters,
} from '../emit/simd.ts';
import type { Emitter, Pointer, Vector } from '../kernel.ts';
import type { ConvGeometry, ConvShape } from './conv-shape.ts';

/** Whether this family serves a convolution: one side of each group has one channel, the other few. */
export const isDepthwiseLike = ({ groups, channels, outChannels }: ConvGeometry): boolean =>
  groups > 1 && ((channels === 1 && outChannels <= 16) || (outChannels === 1 && channels <= 8));

/** Pixels and vectors of outputs whose sums are in registers. */
interface Tile {
  readonly pixels: number;
  readonly vectors: number;
}

/**
 * Eight sums: as many pixels as share the loads of weights and of inputs, and then vectors side by side, which use more
 * of each cache line while it is there. Loads are what limits these kernels: 4 pixels of 3×3 take 27 for 36
 * multiply-adds, 2 pixels would take 21 for 18.
 */
export function depthwiseTile({ channels: terms, outChannels }: ConvGeometry): Tile {
  if (terms === 1 && outChannels === 1) return { pixels: 4, vectors: 2 };
  return { pixels: terms <= 2 ? 4 : terms <= 4 ? 2 : 1, vectors: 1 };
}

class DepthwiseEmitter {
  private readonly f: Emitter;
  private readonly shape: ConvShape;
  private readonly fma: boolean;
  private readonly terms: number;
  private readonly multiplier: number;
  private readonly tilePixels: number;
  private readonly tileVectors: number;
  /** [vector of inputs][pixel] */
  private readonly accumulators: Vector[];
  private readonly inputs: Vector[];
  private readonly weights: Vector[];
  private readonly spare: Vector;
  private readonly x: Pointer;
  private readonly w: Pointer;
  private readonly bias: Pointer;
  private readonly kernelRow: Pointer;
  private readonly input: Pointer;
  private readonly output: Pointer;
  private readonly residual: Pointer;

  constructor(f: Emitter, shape: ConvShape, fma: boolean) {
    this.f = f;
    this.shape = shape;
    this.fma = fma;
    this.terms = shape.channels;
    this.multiplier = shape.outChannels;
    ({ pixels: this.tilePixels, vectors: this.tileVectors } = depthwiseTile(shape));
    this.accumulators = f.locals('v128', this.tilePixels * this.tileVectors * this.terms);
    this.inputs = f.locals('v128', vectorRegisters(fma));
    this.weights = f.locals('v128', shape.kernel[1]);
    this.spare = f.local('v128');
    [this.x, this.w, this.bias, this.kernelRow, this.input, this.output, this.residual] = f.locals(
      'i32',
      7,
    ) as [Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, Pointer];
  }

  /** Loads the input channels of an output vector: straight, one repeated, or by a shuffle. */
  private load(offset: number, lanes: readonly number[], target: Vector): void {
    const { f } = this;
    f.get(this.x);
    if (lanes.every((lane, index) => lane === index)) f.mem('v128.load', offset);
    else if (lanes.every((lane) => lane === 0)) f.mem('v128.load32_splat', offset);
    else {
      f.mem('v128.load', offset).tee(target).get(target);
      f.shuffle32(lanes as [number, number, number, number]);
    }
    f.set(target);
  }

  /**
   * One kernel row of one input vector for a tile: each input is loaded once, for all pixels that it counts for. As in
   * matrix products (gemm-tile.ts), branches never taken stand between parts whose loads fit the registers.
   */
  private kernelRowOf(
    tile: Tile,
    vector: number,
    lanes: readonly number[],
    barrier: () => void,
  ): void {
    const { f, shape, fma } = this;
    const { kernel, stride, dilation } = shape;
    const columns = kernel[1];
    for (let column = 0; column < columns; column++)
      f.get(this.w)
        .mem('v128.load', 16 * (vector * kernel[0] * columns + column))
        .set(this.weights[column] as Vector);
    const room = Math.max(
      1,
      vectorRegisters(fma) - tile.pixels * tile.vectors * this.terms - columns,
    );
    let loads = 0;
    for (let at = 0; at <= (tile.pixels - 1) * stride[1] + (columns - 1) * dilation[1]; at++) {
      const used = Array.from(
        { length: tile.pixels },
        (_, p) => [p, (at - p * stride[1]) / dilation[1]] as const,
      ).filter(([, column]) => Number.isInteger(column) && column >= 0 && column < columns);
      if (used.length === 0) continue;
      if (loads > 0 && loads % room === 0) barrier();
      const x = this.inputs[loads++ % room] as Vector;
      this.load(16 * vector + at * shape.input.pixel, lanes, x);
      for (const [p, column] of used)
        multiplyAdd(f, this.accumulator(vector, p), x, this.weights[column] as Vector, fma);
    }
  }

  private accumulator(vector: number, pixel: number): Vector {
    return this.accumulators[vector * this.tilePixels + pixel] as Vector;
  }

  /** All taps of all input vectors of a tile, row by row; `x` starts at `input + offset`. */
  private taps(tile: Tile, offset: number, lanes: readonly number[]): void {
    const { f, shape, terms } = this;
    const { kernel, dilation } = shape;
    const inputs = tile.vectors * terms;
    f.get(this.input).i32(offset).op('i32.add').set(this.x);
    f.block((exit) =>
      f.forRange(this.kernelRow, 0, kernel[0], 1, () => {
        let barriers = 0;
        const barrier = (): void => void f.get(this.x).i32(++barriers).op('i32.eq').brIf(exit);
        for (let vector = 0; vector < inputs; vector++) {
          if (vector > 0) barrier();
          this.kernelRowOf(tile, vector, lanes, barrier);
        }
        advance(f, [
          [this.x, dilation[0] * shape.input.row],
          [this.w, 16 * kernel[1]],
        ]);
      }),
    );
    f.increment(this.w, 16 * (inputs - 1) * kernel[0] * kernel[1]);
  }

  /** Adds neighbouring channels of all terms: lane l of the result is Σ_t flat[l·terms + t]. */
  private addTerms(vector: number, pixel: number): void {
    const { f, terms } = this;
    for (let term = 0; term < terms; term++) {
      const sources = [0, 1, 2, 3].map((lane) => lane * terms + term);
      this.gather(
        sources.map(
          (flat) => [this.accumulator(vector * terms + (flat >> 2), pixel), flat % 4] as const,
        ),
      );
      if (term > 0) f.op('f32x4.add');
    }
  }

  /** Leaves a vector of four given lanes on the stack. */
  private gather(sources: readonly (readonly [Vector, number])[]): void {
    const { f } = this;
    const vectors = [...new Set(sources.map(([vector]) => vector))];
    const [first, second = first] = vectors as [Vector, Vector?];
    const pick = (a: Vector, b: Vector, lanes: readonly number[]): void =>
      void f
        .get(a)
        .get(b)
        .shuffle32(lanes as [number, number, number, number]);
    if (vectors.length <= 2) {
      pick(
        first,
        second,
        sources.map(([vector, lane]) => (vector === first ? lane : lane + 4)),
      );
      return;
    }
    for (const half of [0, 2]) {
      const [[a, laneA], [b, laneB]] = sources.slice(half, half + 2) as [
        [Vector, number],
        [Vector, number],
      ];
      pick(a, b, [laneA, laneB + 4, 0, 0]);
    }
    f.shuffle32([0, 1, 4, 5]);
  }

  /** The outputs of a tile, whose input begins at `offset`; `live` lanes of the last vector count. */
  private tile(
    tile: Tile,
    offset: number,
    outVector: number,
    lanes: readonly number[],
    live: number,
  ): void {
    const { f, shape, terms } = this;
    const { pixels, vectors } = tile;
    for (let vector = 0; vector < vectors * terms; vector++)
      for (let p = 0; p < pixels; p++) {
        if (terms === 1) f.get(this.bias).mem('v128.load', 16 * (outVector + vector));
        else f.f32x4(0);
        f.set(this.accumulator(vector, p));
      }
    this.taps(tile, offset, lanes);
    for (let vector = 0; vector < vectors; vector++)
      for (let p = 0; p < pixels; p++) {
        const place = 16 * (outVector + vector);
        if (terms === 1) f.get(this.accumulator(vector, p));
        else {
          this.addTerms(vector, p);
          f.get(this.bias).mem('v128.load', place).op('f32x4.add');
        }
        if (shape.residual)
          f.get(this.residual)
            .mem('v128.load', p * shape.residual.pixel + place)
            .op('f32x4.add');
        activate(f, shape.activation, this.spare);
        f.set(this.spare);
        const stored = vector === vectors - 1 ? live : 4;
        storeLanes(f, this.output, p * shape.output.pixel + place, this.spare, stored);
      }
  }

  /** All channels of a tile: whole periods of the channel pattern in a loop, the rest one by one. */
  private channels(pixels: number, bases: readonly Pointer[]): void {
    const { f, shape, multiplier, terms, tileVectors } = this;
    const outputs = shape.groups * multiplier;
    // Vectors of outputs after which inputs and lanes are as before.
    const period = terms > 1 ? 1 : multiplier / gcd(multiplier, 4);
    const step = period * tileVectors;
    const inputsPerPeriod = terms > 1 ? 4 * terms : 4 / gcd(multiplier, 4);
    const periods = Math.floor(outputs / (4 * step));
    const emitVectors = (index: number, vectors: number, live: number): void => {
      const first = terms > 1 ? 4 * terms * index : Math.floor((4 * index) / multiplier);
      const lanes = [0, 1, 2, 3].map((lane) =>
        terms > 1 ? lane : Math.floor((4 * index + lane) / multiplier) - first,
      );
      this.tile({ pixels, vectors }, 4 * first, index, lanes, live);
    };
    const targets = [this.input, this.w, this.bias, this.output, this.residual];
    bases.forEach((base, index) => f.get(base).set(targets[index] as Pointer));
    f.forRange(f.local('i32'), 0, periods, 1, () => {
      for (let index = 0; index < period; index++) emitVectors(index, tileVectors, 4);
      advance(f, [
        [this.input, 4 * inputsPerPeriod * tileVectors],
        [this.bias, 16 * step],
        [this.output, 16 * step],
        [this.residual, shape.residual ? 16 * step : 0],
      ]);
    });
    const rest = outputs - 4 * step * periods;
    for (let index = 0; 4 * index < rest; index++)
      emitVectors(index, 1, Math.min(4, rest - 4 * index));
  }

  private row(pointers: readonly Pointer[]): void {
    const { f, shape, tilePixels } = this;
    const [input, , , output, residual] = pointers as [Pointer, Pointer, Pointer, Pointer, Pointer];
    f.forRange(f.local('i32'), 0, Math.floor(shape.outColumns / tilePixels), 1, () => {
      this.channels(tilePixels, pointers);
      advance(f, [
        [input, tilePixels * shape.stride[1] * shape.input.pixel],
        [output, tilePixels * shape.output.pixel],
        [residual, tilePixels * (shape.residual?.pixel ?? 0)],
      ]);
    });
    const rest = shape.outColumns % tilePixels;
    if (rest) this.channels(rest, pointers);
  }

  emit([input, weights, bias, output, residual, from, to]: readonly Pointer[]): void {
    const { f, shape } = this;
    const [row, inImage, rowInput, rowOutput, rowResidual] = f.locals('i32', 5) as [
      Pointer,
      Pointer,
      Pointer,
      Pointer,
      Pointer,
    ];
    f.forRange(row, from as Pointer, to as Pointer, 1, () => {
      for (const [pointer, base, strides, step] of [
        [rowInput, input, shape.input, shape.stride[0]],
        [rowOutput, output, shape.output, 1],
        [rowResidual, residual, shape.residual, 1],
      ] as const) {
        if (!strides) continue;
        f.get(row).i32(shape.outRows).op('i32.div_u').set(inImage);
        setScaled(f, pointer, base as Pointer, inImage, strides.image);
        f.get(row).i32(shape.outRows).op('i32.rem_u').set(inImage);
        setScaled(f, pointer, pointer, inImage, step * strides.row);
      }
      this.row([rowInput, weights as Pointer, bias as Pointer, rowOutput, rowResidual]);
    });
  }
}

/** Parameters: input, weights, bias, output, residual, and the range of rows over all images. */
export function emitDepthwise(
  f: Emitter,
  args: readonly Pointer[],
  shape: ConvShape,
  fma: boolean,
): void {
  new DepthwiseEmitter(f, shape, fma).emit(args);
}
