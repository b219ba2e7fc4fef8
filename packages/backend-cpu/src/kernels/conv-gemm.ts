/**
 * Convolution as an implicit matrix product: the sums of a tile of pixels × a panel of output channels run over kernel
 * rows and, within a row, over the kw · C contiguous input floats (NHWC); see gemm-tile.ts for the inner loop.
 *
 * Weights are packed per panel as [panel][kh][kw][c][o]; the last panel is as wide as it must be.
 * Bias starts the accumulators; residual and activation are applied before the one store. Rows of the kernel that lie
 * in the padding above or below the map are left out.
 *
 * A call computes some panels of some rows: rows count over all images, panels over all groups. Of a pointwise
 * convolution that reads a dense map the pixels of all these rows are one long line.
 */
import { gcd } from '../emit/gcd.ts';
import { activate, advance, setScaled, storeLanes } from '../emit/simd.ts';
import type { Emitter, Pointer } from '../kernel.ts';
import { groupWeights } from './conv-gemm-weights.ts';
import {
  gapOf,
  isOneLine,
  kernelRowsOf,
  type ConvGeometry,
  type ConvShape,
  type MapStrides,
} from './conv-shape.ts';
import { paddedChannels, panelChannels, panelsOf, tilePixels, type Panel } from './gemm-panels.ts';
import { GemmTile } from './gemm-tile.ts';

/**
 * Rows of output computed for all panels before going on. Weights that stay in the second-level cache are cheap to
 * read again, so then blocks of rows keep the input near; large weights are read once, all rows per panel.
 */
function rowBlock(shape: ConvShape): number {
  const { batch, outRows, outColumns, stride, input } = shape;
  const weightBytes = 4 * groupWeights(shape);
  const rowBytes = stride[0] * Math.max(input.row, outColumns * input.pixel);
  const rows = batch * outRows;
  if (weightBytes > 384 * 1024 || rowBytes * rows <= 256 * 1024) return rows;
  return Math.max(1, Math.min(rows, Math.floor((128 * 1024) / rowBytes)));
}

/** Pixels that follow one another. */
const linePixels = (shape: ConvShape): number =>
  isOneLine(shape) ? shape.batch * shape.outRows * shape.outColumns : shape.outColumns;

/** Whether a line of pixels is written to maps that have gaps between rows. */
const hasGaps = (shape: ConvShape): boolean =>
  isOneLine(shape) &&
  shape.outRows > 1 &&
  [shape.output, shape.residual ?? shape.output].some((map) => gapOf(shape, map) > 0);

/** Whether some rows of the kernel meet nothing but padding. */
const hasRowsOfPadding = (shape: ConvShape): boolean =>
  [0, shape.outRows - 1].some((row) => {
    const [first, end] = kernelRowsOf(shape, row);
    return end - first < shape.kernel[0];
  });

/** Pixels of a full tile. Of a line that is written in rows it has no more than one end of a row inside. */
const pixelsOfTile = (shape: ConvShape, { vectors }: Panel): number =>
  Math.min(tilePixels(vectors, linePixels(shape)), hasGaps(shape) ? shape.outColumns : Infinity);

/** Output channels of a full panel. */
export const gemmPanel = (shape: ConvShape): number =>
  panelChannels(linePixels(shape), shape.outChannels);

/** Panels of all groups. */
export const panelCount = (shape: ConvShape): number =>
  shape.groups * Math.ceil(shape.outChannels / gemmPanel(shape));

/** Weights of more bytes don't stay in a second-level cache. */
const cacheBytes = 1 << 20;
/** Panels that are used by more tiles, the machine reads ahead well enough. */
const mostTiles = 16;

/** Bytes of the next panel to read with each step of a pointwise convolution, so that all tiles together read it. */
function bytesAhead(shape: ConvShape, panel: number): number {
  const pixels = linePixels(shape);
  const tiles = Math.ceil(pixels / tilePixels(panel / 4, pixels));
  const isLarge = 4 * shape.groups * groupWeights(shape) > cacheBytes;
  return isOneLine(shape) && isLarge && tiles > 4 && tiles <= mostTiles
    ? Math.ceil((4 * panel) / tiles)
    : 0;
}

/** Rows and panels of a call, first and end. */
interface Bounds {
  readonly rows: readonly [Pointer, Pointer];
  readonly panels: readonly [Pointer, Pointer];
}

/** What a map's pointer is made from: address, strides, and bytes between groups. */
interface Operand {
  readonly pointer: Pointer;
  readonly base: Pointer;
  readonly strides: MapStrides;
  readonly rowStep: number;
  readonly groupBytes: number;
  /** Bytes between panels. */
  readonly panelBytes: number;
  /** Bytes between pixels that neighbouring outputs read or write. */
  readonly pixelBytes: number;
  /** Bytes between the rows of a line that is written in rows. */
  readonly gap: number;
}

class GemmEmitter {
  private readonly f: Emitter;
  private readonly shape: ConvShape;
  private readonly tile: GemmTile;
  /** Output channels of a full panel. */
  private readonly panelChannels: number;
  /** Of the next panel, with each step of a product: see winograd-product.ts. */
  private readonly aheadBytes: number;
  private readonly kernelRow: Pointer;
  /** Rows of the kernel that count for a row of outputs. */
  private readonly firstRow: Pointer;
  private readonly endRow: Pointer;
  private readonly group: Pointer;
  private readonly panel: Pointer;
  private readonly row: Pointer;
  private readonly tileInput: Pointer;
  private readonly panelWeights: Pointer;
  private readonly panelBias: Pointer;
  /** Pixels left in a row of a line that is written in rows. */
  private readonly left: Pointer;
  /** Where a pixel behind the end of its row lies. */
  private readonly place: Pointer;
  private readonly input: Operand;
  private readonly output: Operand;
  private readonly residual: Operand | null;

  constructor(f: Emitter, shape: ConvShape, fma: boolean, args: readonly Pointer[]) {
    this.f = f;
    this.shape = shape;
    const [input, , , output, residual] = args as Pointer[] as [
      Pointer,
      Pointer,
      Pointer,
      Pointer,
      Pointer,
    ];
    const pixelBytes = shape.stride[1] * shape.input.pixel;
    this.tile = new GemmTile(f, { fma, pixelBytes });
    this.panelChannels = gemmPanel(shape);
    this.aheadBytes = bytesAhead(shape, this.panelChannels);
    [this.kernelRow, this.group, this.panel, this.row] = f.locals('i32', 4) as [
      Pointer,
      Pointer,
      Pointer,
      Pointer,
    ];
    [this.tileInput, this.panelWeights, this.panelBias] = f.locals('i32', 3) as [
      Pointer,
      Pointer,
      Pointer,
    ];
    [this.firstRow, this.endRow] = f.locals('i32', 2) as [Pointer, Pointer];
    this.left = f.local('i32');
    this.place = f.local('i32');
    const written = (pointer: Pointer, base: Pointer, strides: MapStrides): Operand => ({
      ...{ pointer, base, strides, rowStep: 1, pixelBytes: strides.pixel },
      ...{ groupBytes: 4 * shape.outChannels, panelBytes: 4 * this.panelChannels },
      gap: hasGaps(shape) ? gapOf(shape, strides) : 0,
    });
    this.input = {
      ...{ pointer: this.tileInput, base: input, strides: shape.input, pixelBytes },
      ...{ rowStep: shape.stride[0], groupBytes: 4 * shape.channels, panelBytes: 0, gap: 0 },
    };
    this.output = written(f.local('i32'), output, shape.output);
    this.residual = shape.residual ? written(f.local('i32'), residual, shape.residual) : null;
  }

  private get operands(): readonly Operand[] {
    return [this.input, this.output, ...(this.residual ? [this.residual] : [])];
  }

  private kernelRowProduct(pixels: number, vectors: number): void {
    const { f, shape, tile } = this;
    const { kernel, dilation, channels, input } = shape;
    const straight = kernel[1] === 1 || (dilation[1] === 1 && input.pixel === 4 * channels);
    if (straight) {
      tile.product(kernel[1] * channels, pixels, vectors, this.aheadBytes);
      return;
    }
    f.forRange(f.local('i32'), 0, kernel[1], 1, () => {
      tile.product(channels, pixels, vectors);
      f.increment(tile.x, dilation[1] * input.pixel - 4 * channels);
    });
  }

  /** A pointer from which pixel `p` of the tile lies as far away as if its row had no end. */
  private pointerOf({ pointer, gap }: Operand, p: number): Pointer {
    if (gap === 0 || p === 0) return pointer;
    const { f, left, place } = this;
    f.get(left).i32(p).op('i32.le_s').i32(gap).op('i32.mul');
    f.get(pointer).op('i32.add').set(place);
    return place;
  }

  private store(pixels: number, { vectors, lastLanes }: Panel): void {
    const { f, shape, tile, output, residual } = this;
    for (let p = 0; p < pixels; p++) {
      if (residual) {
        const from = this.pointerOf(residual, p);
        for (let j = 0; j < vectors; j++)
          f.get(tile.sum(p, j, vectors))
            .get(from)
            .mem('v128.load', p * residual.pixelBytes + 16 * j)
            .op('f32x4.add')
            .set(tile.sum(p, j, vectors));
      }
      const to = this.pointerOf(output, p);
      for (let j = 0; j < vectors; j++) {
        const value = tile.sum(p, j, vectors);
        f.get(value);
        activate(f, shape.activation, value);
        f.set(value);
        const lanes = j === vectors - 1 ? lastLanes : 4;
        storeLanes(f, to, p * output.pixelBytes + 16 * j, value, lanes);
      }
    }
  }

  /** Moves on to the next tile of a line that is written in rows. */
  private passEndOfRow(pixels: number): void {
    const { f, left, output, residual, shape } = this;
    f.get(left).i32(pixels).op('i32.sub').tee(left).i32(0).op('i32.le_s');
    f.if(() =>
      advance(f, [
        [left, shape.outColumns],
        [output.pointer, output.gap],
        ...(residual ? [[residual.pointer, residual.gap] as const] : []),
      ]),
    );
  }

  private pixels(pixels: number, panel: Panel): void {
    const { f, shape, tile } = this;
    tile.start(pixels, panel.vectors, this.panelBias);
    f.get(this.panelWeights).set(tile.w);
    if (shape.kernel[0] === 1) {
      f.get(this.tileInput).set(tile.x);
      this.kernelRowProduct(pixels, panel.vectors);
    } else {
      const { kernel, channels, dilation, input } = shape;
      f.get(this.tileInput).set(this.kernelRow);
      let rows: readonly [number | Pointer, number | Pointer] = [0, kernel[0]];
      if (hasRowsOfPadding(shape)) {
        rows = [this.firstRow, this.endRow];
        const rowBytes = 16 * panel.vectors * kernel[1] * channels;
        setScaled(f, this.kernelRow, this.kernelRow, this.firstRow, dilation[0] * input.row);
        setScaled(f, tile.w, tile.w, this.firstRow, rowBytes);
      }
      f.forRange(f.local('i32'), ...rows, 1, () => {
        f.get(this.kernelRow).set(tile.x);
        this.kernelRowProduct(pixels, panel.vectors);
        f.increment(this.kernelRow, dilation[0] * input.row);
      });
    }
    this.store(pixels, panel);
    advance(
      f,
      this.operands.map(({ pointer, pixelBytes }) => [pointer, pixels * pixelBytes] as const),
    );
    if (hasGaps(shape)) this.passEndOfRow(pixels);
  }

  /** Sets the pointers to row `row` of the current group and panel. */
  private setRow(row: Pointer): void {
    const { f, shape } = this;
    for (const { pointer, base, strides, rowStep, groupBytes, panelBytes } of this.operands) {
      if (shape.batch === 1) setScaled(f, pointer, base, row, rowStep * strides.row);
      else {
        f.get(base);
        f.get(row).i32(shape.outRows).op('i32.div_u').i32(strides.image).op('i32.mul', 'i32.add');
        f.get(row)
          .i32(shape.outRows)
          .op('i32.rem_u')
          .i32(rowStep * strides.row);
        f.op('i32.mul', 'i32.add').set(pointer);
      }
      if (shape.groups > 1) setScaled(f, pointer, pointer, this.group, groupBytes);
      if (panelBytes) setScaled(f, pointer, pointer, this.panel, panelBytes);
    }
  }

  /** Sets the kernel rows that count for row `row`: see `kernelRowsOf`. */
  private setKernelRows(row: Pointer): void {
    const { f, shape, firstRow, endRow } = this;
    const { kernel, stride, dilation, inRows, padTop, batch, outRows } = shape;
    const clamp = (target: Pointer, least: number | Pointer, most: number | Pointer): void => {
      f.get(target).operand(least).get(target).operand(least).op('i32.gt_s', 'select').set(target);
      f.get(target).operand(most).get(target).operand(most).op('i32.lt_s', 'select').set(target);
    };
    for (const [target, more] of [
      [firstRow, padTop],
      [endRow, padTop + inRows],
    ] as const) {
      // Rounded up; whole numbers are divided towards 0, but those below 0 become 0 anyway.
      f.i32(more + dilation[0] - 1).get(row);
      if (batch > 1) f.i32(outRows).op('i32.rem_u');
      f.i32(stride[0]).op('i32.mul', 'i32.sub').i32(dilation[0]).op('i32.div_s').set(target);
      clamp(target, 0, kernel[0]);
    }
    clamp(endRow, firstRow, kernel[0]);
  }

  /** One panel of rows that are one line of pixels. */
  private line([first, end]: readonly [Pointer, Pointer], panel: Panel): void {
    const { f, shape } = this;
    const size = pixelsOfTile(shape, panel);
    const [count, index] = f.locals('i32', 2) as [Pointer, Pointer];
    this.setRow(first);
    f.i32(shape.outColumns).set(this.left);
    f.get(end).get(first).op('i32.sub').i32(shape.outColumns).op('i32.mul').set(count);
    f.get(count).i32(size).op('i32.div_u').set(index);
    f.forRange(f.local('i32'), 0, index, 1, () => this.pixels(size, panel));
    f.get(count).i32(size).op('i32.rem_u').set(index);
    for (let rest = 1; rest < size; rest++)
      if (rest % gcd(size, shape.outColumns) === 0)
        f.get(index)
          .i32(rest)
          .op('i32.eq')
          .if(() => this.pixels(rest, panel));
  }

  /** One panel of rows. */
  private panelOfRows(rows: readonly [Pointer, Pointer], panel: Panel): void {
    const { f, shape } = this;
    if (isOneLine(shape)) {
      this.line(rows, panel);
      return;
    }
    const size = pixelsOfTile(shape, panel);
    f.forRange(this.row, rows[0], rows[1], 1, () => {
      this.setRow(this.row);
      if (hasRowsOfPadding(shape)) this.setKernelRows(this.row);
      f.forRange(f.local('i32'), 0, Math.floor(shape.outColumns / size), 1, () =>
        this.pixels(size, panel),
      );
      if (shape.outColumns % size) this.pixels(shape.outColumns % size, panel);
    });
  }

  private panels(
    rows: readonly [Pointer, Pointer],
    bounds: readonly [Pointer, Pointer],
    weights: Pointer,
    bias: Pointer,
  ): void {
    const { f, shape, group, panel } = this;
    const [unit] = f.locals('i32', 1) as [Pointer];
    const perGroup = Math.ceil(shape.outChannels / this.panelChannels);
    const panelFloats = this.panelChannels * shape.kernel[0] * shape.kernel[1] * shape.channels;
    f.forRange(unit, bounds[0], bounds[1], 1, () => {
      f.get(unit).i32(perGroup).op('i32.div_u').set(group);
      f.get(unit).i32(perGroup).op('i32.rem_u').set(panel);
      setScaled(f, this.panelWeights, weights, group, 4 * groupWeights(shape));
      setScaled(f, this.panelWeights, this.panelWeights, panel, 4 * panelFloats);
      setScaled(f, this.panelBias, bias, group, 4 * paddedChannels(shape.outChannels));
      setScaled(f, this.panelBias, this.panelBias, panel, 4 * this.panelChannels);
      if (this.aheadBytes) {
        // The last panel is followed by itself: what lies behind it may be the end of the memory.
        f.get(unit)
          .i32(shape.groups * perGroup - 1)
          .op('i32.lt_u');
        f.i32(4 * panelFloats)
          .op('i32.mul')
          .get(this.panelWeights)
          .op('i32.add');
        f.set(this.tile.ahead);
      }
      const [first, last] = panelsOf(shape.outChannels, this.panelChannels) as [Panel, Panel?];
      if (!last) this.panelOfRows(rows, first);
      else
        f.get(panel)
          .i32(perGroup - 1)
          .op('i32.lt_u')
          .if(
            () => this.panelOfRows(rows, first),
            () => this.panelOfRows(rows, last),
          );
    });
  }

  /** The whole function: blocks of rows, panels, rows, tiles. */
  emit(weights: Pointer, bias: Pointer, { rows, panels }: Bounds): void {
    const { f, shape } = this;
    const block = rowBlock(shape);
    const [first, end] = f.locals('i32', 2) as [Pointer, Pointer];
    f.forRange(first, rows[0], rows[1], block, () => {
      f.get(first).i32(block).op('i32.add').tee(end).get(rows[1]);
      f.get(end).get(rows[1]).op('i32.lt_u', 'select').set(end);
      this.panels([first, end], panels, weights, bias);
    });
  }
}

/** Which of the two dimensions the range of a call counts. */
export type GemmSplit = 'rows' | 'panels';

/**
 * Large weights are better read once by one thread each than wholly by all of them: then panels are split, else rows.
 */
export const splitOf = (shape: ConvGeometry): GemmSplit =>
  4 * groupWeights(shape) > 1 << 20 || shape.batch * shape.outRows === 1 ? 'panels' : 'rows';

/**
 * Parameters: input, weights, bias, output, residual, the bounds of the other dimension, and the range of the one that
 * is split.
 */
export function emitGemm(
  f: Emitter,
  args: readonly Pointer[],
  shape: ConvShape,
  fma: boolean,
  split: GemmSplit,
): void {
  const [weights, bias] = args.slice(1, 3) as [Pointer, Pointer];
  const [fixed, ranged] = [args.slice(5, 7), args.slice(7, 9)] as [Pointer, Pointer][] as [
    [Pointer, Pointer],
    [Pointer, Pointer],
  ];
  const bounds =
    split === 'rows' ? { rows: ranged, panels: fixed } : { rows: fixed, panels: ranged };
  new GemmEmitter(f, shape, fma, args).emit(weights, bias, bounds);
}
