/**
 * A 3×3 convolution with stride 1 by Winograd's minimal filtering: tiles of m × m outputs (m = 2 or 4) need t × t
 * products per pair of channels, t = m + 2, instead of 9·m²; for m = 4 that is a quarter. Three functions:
 *
 *   input     V[k, tile, c] = Bᵀ d B for each tile and channel          k = 0 … t²-1
 *   product   M[k, tile, o] = Σ_c V[k, tile, c] · U[k, c, o]            t² matrix products
 *   output    y = Aᵀ M A + bias + residual, activated
 *
 * They run block by block of tile rows, so that V and M stay in the second-level cache. Each k begins 64 bytes off a
 * multiple of 4 KiB: the t² places of one tile then fall into different sets of the first-level cache.
 * Weights are transformed and packed as [k][panel][c][16]. The input's halo must cover whole tiles.
 */
import { activate, advance, setScaled, storeLanes } from '../emit/simd.ts';
import type { Call, Emitter, KernelContext, Pointer, Vector } from '../kernel.ts';
import type { Address } from '../layout.ts';
import type { ConvGeometry, ConvOperands, ConvShape } from './conv-shape.ts';
import { packBias } from './conv-gemm.ts';
import { GemmTile, paddedChannels, panelsOf, tilePixels } from './gemm-tile.ts';
import {
  reachOf,
  transformWeights,
  WinogradTransforms,
  type TileSize,
} from './winograd-transforms.ts';

/** Bytes of V and M together that a block may take. */
const blockBytes = 1 << 20;

interface WinogradShape extends ConvShape {
  readonly tile: TileSize;
  /** Of one image. */
  readonly tileRows: number;
  readonly tileColumns: number;
  /** Bytes from one k to the next in V and M. */
  readonly inputStep: number;
  readonly productStep: number;
}

/** Whether Winograd's method serves a convolution. */
export const isWinogradLike = ({ kernel, stride, dilation, groups }: ConvGeometry): boolean =>
  groups === 1 && kernel.join() === '3,3' && [...stride, ...dilation].every((size) => size === 1);

/** Rows of tiles in a block, over all images. */
function blockRows(shape: ConvGeometry, tile: TileSize): number {
  const rows = shape.batch * Math.ceil(shape.outRows / tile);
  const rowBytes =
    4 *
    reachOf(tile) ** 2 *
    Math.ceil(shape.outColumns / tile) *
    (shape.channels + shape.outChannels);
  const blocks = Math.ceil(rows / Math.max(1, Math.floor(blockBytes / rowBytes)));
  return Math.ceil(rows / blocks);
}

const stepOf = (bytes: number): number => Math.ceil(bytes / 4096) * 4096 + 64;

function emitInput(f: Emitter, args: readonly Pointer[], shape: WinogradShape, fma: boolean): void {
  const [input, output, from, to] = args as [Pointer, Pointer, Pointer, Pointer];
  const { tile, tileRows, tileColumns, channels } = shape;
  const size = reachOf(tile);
  const transforms = new WinogradTransforms(f, tile, fma);
  const [row, x, rowInput, v, imageRow] = f.locals('i32', 5) as Pointer[] as [
    Pointer,
    Pointer,
    Pointer,
    Pointer,
    Pointer,
  ];
  const line = f.locals('v128', size);
  const middle = f.locals('v128', size * size);
  const spare = f.local('v128');
  const vector = (lanes: number): void => {
    for (let column = 0; column < size; column++) {
      line.forEach((local, at) =>
        f
          .get(x)
          .mem('v128.load', at * shape.input.row + column * shape.input.pixel)
          .set(local),
      );
      const transform = transforms.input(line);
      for (let at = 0; at < size; at++) {
        transform.push(at);
        f.set(middle[at * size + column] as Vector);
      }
    }
    for (let at = 0; at < size; at++) {
      const transform = transforms.input(middle.slice(at * size, (at + 1) * size));
      for (let column = 0; column < size; column++) {
        transform.push(column);
        f.set(spare);
        storeLanes(f, v, (at * size + column) * shape.inputStep, spare, lanes);
      }
    }
  };
  f.forRange(row, from, to, 1, () => {
    f.get(row).i32(tileRows).op('i32.rem_u').set(imageRow);
    f.get(input).get(row).i32(tileRows).op('i32.div_u').i32(shape.input.image);
    f.op('i32.mul', 'i32.add').set(rowInput);
    setScaled(f, rowInput, rowInput, imageRow, tile * shape.input.row);
    setScaled(f, v, output, row, 4 * tileColumns * channels);
    f.forRange(f.local('i32'), 0, tileColumns, 1, () => {
      f.get(rowInput).set(x);
      f.forRange(f.local('i32'), 0, Math.floor(channels / 4), 1, () => {
        vector(4);
        advance(f, [
          [x, 16],
          [v, 16],
        ]);
      });
      if (channels % 4) {
        vector(channels % 4);
        f.increment(v, 4 * (channels % 4));
      }
      f.increment(rowInput, tile * shape.input.pixel);
    });
  });
}

/** Units of the range are panels of 16 channels, those of the first k first. */
function emitProduct(
  f: Emitter,
  args: readonly Pointer[],
  shape: WinogradShape & { readonly tiles: number },
  fma: boolean,
): void {
  const [input, weights, output, never, from, to] = args as Pointer[] as [
    Pointer,
    Pointer,
    Pointer,
    Pointer,
    Pointer,
    Pointer,
  ];
  const { channels, outChannels, tiles } = shape;
  const width = paddedChannels(outChannels);
  const panels = panelsOf(outChannels);
  const count = panels.reduce((sum, panel) => sum + panel.count, 0);
  const pixelBytes = 4 * channels;
  const gemm = new GemmTile(f, { fma, pixelBytes, never });
  const [unit, k, panel, x, y, w] = f.locals('i32', 6) as Pointer[] as [
    Pointer,
    Pointer,
    Pointer,
    Pointer,
    Pointer,
    Pointer,
  ];
  const pixels = (size: number, vectors: number): void => {
    gemm.start(size, vectors);
    f.get(x).set(gemm.x).get(w).set(gemm.w);
    gemm.product(channels, size, vectors);
    for (let p = 0; p < size; p++)
      for (let j = 0; j < vectors; j++)
        f.get(y)
          .get(gemm.sum(p, j, vectors))
          .mem('v128.store', 4 * p * width + 16 * j);
    advance(f, [
      [x, size * pixelBytes],
      [y, 4 * size * width],
    ]);
  };
  const wholePanel = (vectors: number): void => {
    const size = tilePixels(vectors);
    f.forRange(f.local('i32'), 0, Math.floor(tiles / size), 1, () => pixels(size, vectors));
    if (tiles % size) pixels(tiles % size, vectors);
  };
  f.forRange(unit, from, to, 1, () => {
    f.get(unit).i32(count).op('i32.div_u').set(k);
    f.get(unit).i32(count).op('i32.rem_u').set(panel);
    setScaled(f, x, input, k, shape.inputStep);
    setScaled(f, y, output, k, shape.productStep);
    setScaled(f, y, y, panel, 64);
    setScaled(f, w, weights, k, 4 * channels * width);
    setScaled(f, w, w, panel, 64 * channels);
    const [first, second] = panels.map(({ vectors }) => vectors) as [number, number?];
    if (second === undefined) wholePanel(first);
    else
      f.get(panel)
        .i32(panels[0]?.count ?? 0)
        .op('i32.lt_u')
        .if(
          () => wholePanel(first),
          () => wholePanel(second),
        );
  });
}

class OutputEmitter {
  private readonly f: Emitter;
  private readonly shape: WinogradShape;
  private readonly transforms: WinogradTransforms;
  private readonly line: Vector[];
  private readonly middle: Vector[];
  private readonly offset: Vector;
  private readonly m: Pointer;
  private readonly bias: Pointer;
  private readonly y: Pointer;
  private readonly r: Pointer;
  private readonly rowsLeft: Pointer;

  constructor(f: Emitter, shape: WinogradShape, fma: boolean) {
    this.f = f;
    this.shape = shape;
    this.transforms = new WinogradTransforms(f, shape.tile, fma);
    const size = reachOf(shape.tile);
    this.line = f.locals('v128', size);
    this.middle = f.locals('v128', size * shape.tile);
    this.offset = f.local('v128');
    [this.m, this.bias, this.y, this.r, this.rowsLeft] = f.locals('i32', 5) as [
      Pointer,
      Pointer,
      Pointer,
      Pointer,
      Pointer,
    ];
  }

  /** Four channels of a tile whose first `columns` columns lie inside the map. */
  private vector(columns: number, lanes: number): void {
    const { f, shape, transforms, line, middle } = this;
    const { tile, productStep } = shape;
    const size = reachOf(tile);
    for (let column = 0; column < size; column++) {
      line.forEach((local, at) =>
        f
          .get(this.m)
          .mem('v128.load', (at * size + column) * productStep)
          .set(local),
      );
      const transform = transforms.output(line);
      for (let at = 0; at < tile; at++) {
        transform.push(at);
        f.set(middle[at * size + column] as Vector);
      }
    }
    f.get(this.bias).mem('v128.load').set(this.offset);
    const partialRows = shape.outRows % tile !== 0;
    f.block((done) => {
      for (let row = 0; row < tile; row++) {
        const transform = transforms.output(middle.slice(row * size, (row + 1) * size));
        for (let column = 0; column < columns; column++) {
          transform.push(column);
          this.finish(row, column, lanes);
        }
        if (partialRows && row < tile - 1)
          f.get(this.rowsLeft)
            .i32(row + 1)
            .op('i32.eq')
            .brIf(done);
      }
    });
  }

  /** Adds bias and residual to the vector on the stack, activates and stores it. */
  private finish(row: number, column: number, lanes: number): void {
    const { f, shape } = this;
    const value = this.line[0] as Vector;
    f.get(this.offset).op('f32x4.add');
    if (shape.residual)
      f.get(this.r)
        .mem('v128.load', row * shape.residual.row + column * shape.residual.pixel)
        .op('f32x4.add');
    activate(f, shape.activation, value);
    f.set(value);
    storeLanes(f, this.y, row * shape.output.row + column * shape.output.pixel, value, lanes);
  }

  /** All channels of one tile. `m` goes on to the next, `y` and `r` return. */
  private channels(columns: number, bias: Pointer): void {
    const { f, shape } = this;
    const whole = Math.floor(shape.outChannels / 4);
    const rest = shape.outChannels % 4;
    const hasResidual = shape.residual !== null;
    f.get(bias).set(this.bias);
    const move = (vectors: number): void =>
      advance(f, [
        [this.y, 16 * vectors],
        [this.r, hasResidual ? 16 * vectors : 0],
      ]);
    f.forRange(f.local('i32'), 0, whole, 1, () => {
      this.vector(columns, 4);
      f.increment(this.m, 16);
      f.increment(this.bias, 16);
      move(1);
    });
    if (rest) {
      this.vector(columns, rest);
      f.increment(this.m, 16);
    }
    move(-whole);
  }

  emit(args: readonly Pointer[]): void {
    const { f, shape } = this;
    const [products, bias, output, residual, from, to] = args as Pointer[] as [
      Pointer,
      Pointer,
      Pointer,
      Pointer,
      Pointer,
      Pointer,
    ];
    const { tile, tileRows, tileColumns, outRows, outColumns } = shape;
    const [row, image, imageRow] = f.locals('i32', 3) as Pointer[] as [Pointer, Pointer, Pointer];
    const wholeColumns = Math.floor(outColumns / tile);
    f.forRange(row, from, to, 1, () => {
      f.get(row).i32(tileRows).op('i32.rem_u').set(imageRow);
      f.get(row).i32(tileRows).op('i32.div_u').set(image);
      f.i32(outRows).get(imageRow).i32(tile).op('i32.mul', 'i32.sub').set(this.rowsLeft);
      setScaled(f, this.m, products, row, 4 * tileColumns * paddedChannels(shape.outChannels));
      for (const [target, base, strides] of [
        [this.y, output, shape.output],
        [this.r, residual, shape.residual],
      ] as const) {
        if (!strides) continue;
        setScaled(f, target, base, image, strides.image);
        setScaled(f, target, target, imageRow, tile * strides.row);
      }
      f.forRange(f.local('i32'), 0, wholeColumns, 1, () => {
        this.channels(tile, bias);
        advance(f, [
          [this.y, tile * shape.output.pixel],
          [this.r, tile * (shape.residual?.pixel ?? 0)],
        ]);
      });
      if (outColumns % tile) this.channels(outColumns % tile, bias);
    });
  }
}

function packWinograd(target: Float32Array, source: Float32Array, shape: WinogradShape): void {
  const { tile, channels, outChannels } = shape;
  const products = reachOf(tile) ** 2;
  const width = paddedChannels(outChannels);
  const matrix = new Float64Array(products);
  for (let out = 0; out < outChannels; out++) {
    const first = out - (out % 16);
    const panelWidth = Math.min(16, width - first);
    for (let channel = 0; channel < channels; channel++) {
      const at = 9 * (out * channels + channel);
      transformWeights(matrix, source.subarray(at, at + 9), tile);
      const to = first * channels + channel * panelWidth + (out % 16);
      for (let k = 0; k < products; k++) target[k * channels * width + to] = matrix[k] as number;
    }
  }
}

/** The calls of a convolution, three a block. */
export function planWinograd(
  context: KernelContext,
  conv: ConvShape,
  operands: ConvOperands,
  tile: TileSize,
): Call[] {
  const { weight, bias, input, output, residual } = operands;
  const { channels, outChannels, batch } = conv;
  const products = reachOf(tile) ** 2;
  const width = paddedChannels(outChannels);
  const tileRows = Math.ceil(conv.outRows / tile);
  const tileColumns = Math.ceil(conv.outColumns / tile);
  const rows = blockRows(conv, tile);
  const inputStep = stepOf(4 * rows * tileColumns * channels);
  const productStep = stepOf(4 * rows * tileColumns * width);
  const shape: WinogradShape = { ...conv, tile, tileRows, tileColumns, inputStep, productStep };
  const { fma } = context;
  const inputName = context.function('winograd-input', shape, 4, (f, args) =>
    emitInput(f, args, shape, fma),
  );
  const productName = (tiles: number): string =>
    context.function('winograd-product', { ...shape, tiles }, 6, (f, args) =>
      emitProduct(f, args, { ...shape, tiles }, fma),
    );
  const outputName = context.function('winograd-output', shape, 6, (f, args) =>
    new OutputEmitter(f, shape, fma).emit(args),
  );
  const weights = context.weights(products * channels * width, (target) =>
    packWinograd(target, weight, shape),
  );
  const offsets = context.weights(width, (target) => {
    if (bias) packBias(target, bias, conv);
  });
  const v = context.scratch((products * inputStep) / 4);
  const m = context.scratch((products * productStep) / 4);
  const before = (address: Address, bytes: number): Address => ({
    ...address,
    offset: address.offset - bytes,
  });
  const units = products * panelsOf(outChannels).reduce((sum, panel) => sum + panel.count, 0);
  const calls: Call[] = [];
  for (let from = 0; from < batch * tileRows; from += rows) {
    const to = Math.min(from + rows, batch * tileRows);
    const [blockV, blockM] = [
      before(v, 4 * from * tileColumns * channels),
      before(m, 4 * from * tileColumns * width),
    ];
    calls.push(
      { function: inputName, args: [input, blockV], range: [from, to] },
      {
        function: productName((to - from) * tileColumns),
        args: [v, weights, m, null],
        range: [0, units],
      },
      { function: outputName, args: [blockM, offsets, output, residual], range: [from, to] },
    );
  }
  return calls;
}
