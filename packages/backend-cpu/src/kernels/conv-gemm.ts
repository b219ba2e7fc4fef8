/**
 * Convolution as an implicit matrix product: the sum of a tile of pixels × 16 output channels runs over kernel rows
 * and, within a row, over the kw · C contiguous input floats (NHWC); see gemm-tile.ts for the inner loop.
 *
 * Weights are packed per 16 output channels as [panel][kh][kw][c][16]; the last panel is as wide as it must be.
 * Bias starts the accumulators; residual and activation are applied before the one store.
 */
import { activate, advance, setScaled, storeLanes } from '../emit/simd.ts';
import type { Emitter, Pointer } from '../kernel.ts';
import type { ConvShape } from './conv-shape.ts';
import { GemmTile, paddedChannels, panelsOf, tilePixels, type Panel } from './gemm-tile.ts';

/** Floats of the packed weights of one group. */
export const groupWeights = ({ kernel, channels, outChannels }: ConvShape): number =>
  kernel[0] * kernel[1] * channels * paddedChannels(outChannels);

/** [O,I,kh,kw] → per group [panel][kh][kw][I][16 or the rest], zeros beyond the last channel. */
export function packWeights(target: Float32Array, source: Float32Array, shape: ConvShape): void {
  const { groups, channels, outChannels, kernel } = shape;
  const taps = kernel[0] * kernel[1];
  for (let group = 0; group < groups; group++)
    for (let first = 0; first < outChannels; first += 16) {
      const width = Math.min(16, paddedChannels(outChannels) - first);
      const base = group * groupWeights(shape) + first * taps * channels;
      const lanes = Math.min(16, outChannels - first);
      const from = (group * outChannels + first) * channels * taps;
      // Reads go along one stream a lane and writes along one a tap, which caches like.
      for (let channel = 0; channel < channels; channel++)
        for (let tap = 0; tap < taps; tap++) {
          const to = base + (tap * channels + channel) * width;
          let at = from + channel * taps + tap;
          for (let lane = 0; lane < lanes; lane++, at += channels * taps)
            target[to + lane] = source[at] as number;
        }
    }
}

/** Bias per group, padded to whole vectors. */
export function packBias(target: Float32Array, bias: Float32Array, shape: ConvShape): void {
  const { groups, outChannels } = shape;
  for (let group = 0; group < groups; group++)
    target.set(
      bias.subarray(group * outChannels, (group + 1) * outChannels),
      group * paddedChannels(outChannels),
    );
}

/**
 * Rows of output computed for all panels before going on. Weights that stay in the second-level cache are cheap to
 * read again, so then blocks of rows keep the input near; large weights are read once, all rows per panel.
 */
function rowBlock({ outRows, stride, input, groups, ...shape }: ConvShape): number {
  const weightBytes = 4 * groupWeights({ outRows, stride, input, groups, ...shape });
  const rowBytes = stride[0] * input.row;
  if (weightBytes > 384 * 1024 || rowBytes * outRows <= 256 * 1024) return outRows;
  return Math.max(1, Math.min(outRows, Math.floor((128 * 1024) / rowBytes)));
}

class GemmEmitter {
  private readonly f: Emitter;
  private readonly shape: ConvShape;
  private readonly tile: GemmTile;
  private readonly kernelRow: Pointer;
  private readonly kernelRowIndex: Pointer;
  private readonly kernelColumnIndex: Pointer;
  private readonly tileInput: Pointer;
  private readonly tileOutput: Pointer;
  private readonly tileResidual: Pointer;
  private readonly panelWeights: Pointer;
  private readonly panelBias: Pointer;

  constructor(f: Emitter, shape: ConvShape, fma: boolean, never: Pointer) {
    this.f = f;
    this.shape = shape;
    const pixelBytes = shape.stride[1] * shape.input.pixel;
    this.tile = new GemmTile(f, { fma, pixelBytes, never });
    [this.kernelRow, this.kernelRowIndex, this.kernelColumnIndex] = f.locals('i32', 3) as [
      Pointer,
      Pointer,
      Pointer,
    ];
    [this.tileInput, this.tileOutput, this.tileResidual, this.panelWeights, this.panelBias] =
      f.locals('i32', 5) as [Pointer, Pointer, Pointer, Pointer, Pointer];
  }

  private kernelRowProduct(pixels: number, vectors: number): void {
    const { f, shape, tile } = this;
    const { kernel, dilation, channels, input } = shape;
    const straight = kernel[1] === 1 || (dilation[1] === 1 && input.pixel === 4 * channels);
    if (straight) {
      tile.product(kernel[1] * channels, pixels, vectors);
      return;
    }
    f.forRange(this.kernelColumnIndex, 0, kernel[1], 1, () => {
      tile.product(channels, pixels, vectors);
      f.increment(tile.x, dilation[1] * input.pixel - 4 * channels);
    });
  }

  private store(pixels: number, { vectors, lastLanes }: Panel): void {
    const { f, shape, tile } = this;
    for (let p = 0; p < pixels; p++)
      for (let j = 0; j < vectors; j++) {
        const value = tile.sum(p, j, vectors);
        f.get(value);
        if (shape.residual)
          f.get(this.tileResidual)
            .mem('v128.load', p * shape.residual.pixel + 16 * j)
            .op('f32x4.add');
        activate(f, shape.activation, value);
        f.set(value);
        const lanes = j === vectors - 1 ? lastLanes : 4;
        storeLanes(f, this.tileOutput, p * shape.output.pixel + 16 * j, value, lanes);
      }
  }

  private pixels(pixels: number, panel: Panel): void {
    const { f, shape, tile } = this;
    tile.start(pixels, panel.vectors, this.panelBias);
    f.get(this.panelWeights).set(tile.w);
    if (shape.kernel[0] === 1) {
      f.get(this.tileInput).set(tile.x);
      this.kernelRowProduct(pixels, panel.vectors);
    } else {
      f.get(this.tileInput).set(this.kernelRow);
      f.forRange(this.kernelRowIndex, 0, shape.kernel[0], 1, () => {
        f.get(this.kernelRow).set(tile.x);
        this.kernelRowProduct(pixels, panel.vectors);
        f.increment(this.kernelRow, shape.dilation[0] * shape.input.row);
      });
    }
    this.store(pixels, panel);
  }

  private row(column: Pointer, panel: Panel): void {
    const { f, shape } = this;
    const pixels = tilePixels(panel.vectors);
    f.forRange(column, 0, Math.floor(shape.outColumns / pixels), 1, () => {
      this.pixels(pixels, panel);
      advance(f, [
        [this.tileInput, pixels * shape.stride[1] * shape.input.pixel],
        [this.tileOutput, pixels * shape.output.pixel],
        [this.tileResidual, pixels * (shape.residual?.pixel ?? 0)],
      ]);
    });
    if (shape.outColumns % pixels) this.pixels(shape.outColumns % pixels, panel);
  }

  /** All panels of rows [firstRow, lastRow) of one image; the pointers are those of the image. */
  private rows(
    bounds: readonly [Pointer, Pointer],
    image: readonly Pointer[],
    weights: Pointer,
    bias: Pointer,
  ): void {
    const { f, shape } = this;
    const [input, output, residual] = image as [Pointer, Pointer, Pointer];
    const [row, column, panelIndex, panelOffset] = f.locals('i32', 4) as [
      Pointer,
      Pointer,
      Pointer,
      Pointer,
    ];
    f.get(weights).set(this.panelWeights).get(bias).set(this.panelBias).i32(0).set(panelOffset);
    for (const panel of panelsOf(shape.outChannels))
      f.forRange(panelIndex, 0, panel.count, 1, () => {
        f.forRange(row, bounds[0], bounds[1], 1, () => {
          setScaled(f, this.tileInput, input, row, shape.stride[0] * shape.input.row);
          setScaled(f, this.tileOutput, output, row, shape.output.row);
          f.increment(this.tileOutput, panelOffset);
          if (shape.residual) {
            setScaled(f, this.tileResidual, residual, row, shape.residual.row);
            f.increment(this.tileResidual, panelOffset);
          }
          this.row(column, panel);
        });
        const panelFloats = 4 * panel.vectors;
        advance(f, [
          [this.panelWeights, 4 * panelFloats * shape.kernel[0] * shape.kernel[1] * shape.channels],
          [this.panelBias, 4 * panelFloats],
          [panelOffset, 4 * panelFloats],
        ]);
      });
  }

  private image(image: readonly Pointer[], weights: Pointer, bias: Pointer): void {
    const { f, shape } = this;
    const block = rowBlock(shape);
    const [first, last] = f.locals('i32', 2) as [Pointer, Pointer];
    f.forRange(first, 0, shape.outRows, block, () => {
      f.get(first).i32(block).op('i32.add').tee(last).i32(shape.outRows);
      f.get(last).i32(shape.outRows).op('i32.lt_s', 'select').set(last);
      this.rows([first, last], image, weights, bias);
    });
  }

  /** The whole function: groups, images, blocks of rows, panels, rows, tiles. */
  emit([input, weights, bias, output, residual]: readonly Pointer[]): void {
    const { f, shape } = this;
    const base = [input, output, residual] as Pointer[];
    const [group, batch] = f.locals('i32', 2) as [Pointer, Pointer];
    const image = f.locals('i32', 3);
    f.forRange(group, 0, shape.groups, 1, () => {
      base.forEach((pointer, index) => f.get(pointer).set(image[index] as Pointer));
      f.forRange(batch, 0, shape.batch, 1, () => {
        this.image(image, weights as Pointer, bias as Pointer);
        advance(f, [
          [image[0] as Pointer, shape.input.image],
          [image[1] as Pointer, shape.output.image],
          [image[2] as Pointer, shape.residual?.image ?? 0],
        ]);
      });
      advance(f, [
        [input as Pointer, 4 * shape.channels],
        [output as Pointer, 4 * shape.outChannels],
        [residual as Pointer, 4 * shape.outChannels],
        [weights as Pointer, 4 * groupWeights(shape)],
        [bias as Pointer, 4 * paddedChannels(shape.outChannels)],
      ]);
    });
  }
}

/** Parameters: input, weights, bias, output, residual, and a number that must be 0. */
export function emitGemm(
  f: Emitter,
  args: readonly Pointer[],
  shape: ConvShape,
  fma: boolean,
): void {
  new GemmEmitter(f, shape, fma, args[5] as Pointer).emit(args);
}
