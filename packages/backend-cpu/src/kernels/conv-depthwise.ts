/**
 * Convolutions with few taps per group, vectorised over channels. Two forms:
 *
 * - multiplier m, one input channel per group: y[c·m+j] = Σ_taps w[c·m+j] · x[c]. A vector of four outputs reads its
 *   input channels by one load and a fixed shuffle.
 * - t terms, one output per group: y[o] = Σ_t Σ_taps w[o,t] · x[o·t+…]. Products accumulate per input channel, as in
 *   a depthwise convolution over all o·t of them, and neighbours are added once at the end.
 *
 * Weights are packed [vector of outputs][term][kh][kw][4]. A tile of pixels shares each load of weights; with
 * stride 1 a row of a three-wide kernel also shares its inputs.
 */
import { gcd } from '../emit/gcd.ts';
import { activate, advance, multiplyAdd, setScaled, storeLanes } from '../emit/simd.ts';
import type { Emitter, Pointer, Vector } from '../kernel.ts';
import type { ConvGeometry, ConvShape } from './conv-shape.ts';

/** Whether this family serves a convolution: one side of each group has one channel, the other few. */
export const isDepthwiseLike = ({ groups, channels, outChannels }: ConvGeometry): boolean =>
  groups > 1 && ((channels === 1 && outChannels <= 16) || (outChannels === 1 && channels <= 8));

class DepthwiseEmitter {
  private readonly f: Emitter;
  private readonly shape: ConvShape;
  private readonly fma: boolean;
  private readonly terms: number;
  private readonly multiplier: number;
  private readonly tilePixels: number;
  /** [term][pixel] */
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
    this.tilePixels = this.terms <= 2 ? 4 : this.terms <= 4 ? 2 : 1;
    this.accumulators = f.locals('v128', this.tilePixels * this.terms);
    this.inputs = f.locals('v128', this.tilePixels + 2);
    this.weights = f.locals('v128', 3);
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

  /** One kernel row for a tile: inputs loaded once and shared by neighbouring pixels. */
  private sharedRow(pixels: number, term: number, lanes: readonly number[]): void {
    const { f, shape } = this;
    const columns = shape.kernel[1];
    for (let p = 0; p < pixels + columns - 1; p++)
      this.load(p * shape.input.pixel, lanes, this.inputs[p] as Vector);
    for (let column = 0; column < columns; column++) {
      const weight = this.weights[column] as Vector;
      f.get(this.w)
        .mem('v128.load', 16 * column)
        .set(weight);
      for (let p = 0; p < pixels; p++)
        multiplyAdd(
          f,
          this.accumulator(term, p),
          this.inputs[p + column] as Vector,
          weight,
          this.fma,
        );
    }
  }

  private plainRow(pixels: number, term: number, lanes: readonly number[]): void {
    const { f, shape } = this;
    const { kernel, stride, dilation, input } = shape;
    const [x, weight] = [this.inputs[0] as Vector, this.weights[0] as Vector];
    for (let column = 0; column < kernel[1]; column++) {
      f.get(this.w)
        .mem('v128.load', 16 * column)
        .set(weight);
      for (let p = 0; p < pixels; p++) {
        this.load((p * stride[1] + column * dilation[1]) * input.pixel, lanes, x);
        multiplyAdd(f, this.accumulator(term, p), x, weight, this.fma);
      }
    }
  }

  private accumulator(term: number, pixel: number): Vector {
    return this.accumulators[term * this.tilePixels + pixel] as Vector;
  }

  /** All taps of one term; `x` starts at `input + offset`. */
  private term(pixels: number, term: number, offset: number, lanes: readonly number[]): void {
    const { f, shape } = this;
    const { kernel, stride, dilation } = shape;
    const shared = stride[1] === 1 && dilation[1] === 1 && kernel[1] <= 3;
    f.get(this.input).i32(offset).op('i32.add').set(this.x);
    f.forRange(this.kernelRow, 0, kernel[0], 1, () => {
      if (shared) this.sharedRow(pixels, term, lanes);
      else this.plainRow(pixels, term, lanes);
      advance(f, [
        [this.x, dilation[0] * shape.input.row],
        [this.w, 16 * kernel[1]],
      ]);
    });
  }

  /** Adds neighbouring channels of all terms: lane l of the result is Σ_t flat[l·terms + t]. */
  private addTerms(pixel: number): void {
    const { f, terms } = this;
    for (let term = 0; term < terms; term++) {
      const sources = [0, 1, 2, 3].map((lane) => lane * terms + term);
      this.gather(sources.map((flat) => [this.accumulator(flat >> 2, pixel), flat % 4] as const));
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

  /** One vector of outputs for a tile of pixels. */
  private tile(
    pixels: number,
    offset: number,
    outVector: number,
    lanes: readonly number[],
    live: number,
  ): void {
    const { f, shape, terms } = this;
    for (let term = 0; term < terms; term++)
      for (let p = 0; p < pixels; p++) {
        if (terms === 1) f.get(this.bias).mem('v128.load', 16 * outVector);
        else f.f32x4(0);
        f.set(this.accumulator(term, p));
      }
    for (let term = 0; term < terms; term++) this.term(pixels, term, offset + 16 * term, lanes);
    for (let p = 0; p < pixels; p++) {
      if (terms === 1) f.get(this.accumulator(0, p));
      else {
        this.addTerms(p);
        f.get(this.bias)
          .mem('v128.load', 16 * outVector)
          .op('f32x4.add');
      }
      if (shape.residual)
        f.get(this.residual)
          .mem('v128.load', p * shape.residual.pixel + 16 * outVector)
          .op('f32x4.add');
      activate(f, shape.activation, this.spare);
      f.set(this.spare);
      storeLanes(f, this.output, p * shape.output.pixel + 16 * outVector, this.spare, live);
    }
  }

  /** All channels of a tile: whole periods of the channel pattern in a loop, the rest one by one. */
  private channels(pixels: number, bases: readonly Pointer[]): void {
    const { f, shape, multiplier, terms } = this;
    const outputs = shape.groups * multiplier;
    const period = terms > 1 ? 1 : multiplier / gcd(multiplier, 4);
    const inputsPerPeriod = terms > 1 ? 4 * terms : 4 / gcd(multiplier, 4);
    const periods = Math.floor(outputs / (4 * period));
    const emitVector = (index: number, live: number): void => {
      const first = terms > 1 ? 4 * terms * index : Math.floor((4 * index) / multiplier);
      const lanes = [0, 1, 2, 3].map((lane) =>
        terms > 1 ? lane : Math.floor((4 * index + lane) / multiplier) - first,
      );
      this.tile(pixels, 4 * first, index, lanes, live);
    };
    const targets = [this.input, this.w, this.bias, this.output, this.residual];
    bases.forEach((base, index) => f.get(base).set(targets[index] as Pointer));
    f.forRange(f.local('i32'), 0, periods, 1, () => {
      for (let index = 0; index < period; index++) emitVector(index, 4);
      advance(f, [
        [this.input, 4 * inputsPerPeriod],
        [this.bias, 16 * period],
        [this.output, 16 * period],
        [this.residual, shape.residual ? 16 * period : 0],
      ]);
    });
    const rest = outputs - 4 * period * periods;
    for (let index = 0; 4 * index < rest; index++) emitVector(index, Math.min(4, rest - 4 * index));
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
