/**
 * M[k, tile, o] = Σ_c V[k, tile, c] · U[k, c, o]: the t² matrix products of Winograd's method. Units of the range are
 * panels of output channels, those of the first k first.
 *
 * A core waits for weights from beyond its second-level cache much longer than it can look ahead. So those of the next
 * panel are brought in while those of this one are in use, evenly over all of its steps.
 */
import { advance, setScaled } from '../emit/simd.ts';
import type { Emitter, Pointer } from '../kernel.ts';
import { paddedChannels, panelsOf, tilePixels } from './gemm-panels.ts';
import { GemmTile } from './gemm-tile.ts';
import type { WinogradShape } from './winograd.ts';

/** Weights larger than this are read ahead: they don't stay in a second-level cache. */
const cacheBytes = 1 << 20;
/** Panels that are read but once push out what they bring in where they are larger: then they are not read ahead. */
const mostBytesOnce = 12 << 10;
const lineBytes = 64;

interface ProductShape extends WinogradShape {
  /** In the block. */
  readonly tiles: number;
}

class ProductEmitter {
  private readonly f: Emitter;
  private readonly shape: ProductShape;
  private readonly gemm: GemmTile;
  /** Of the next panel, with each step of a product; 0 for none. */
  private readonly aheadBytes: number;
  private readonly x: Pointer;
  private readonly y: Pointer;
  private readonly w: Pointer;

  constructor(f: Emitter, shape: ProductShape, fma: boolean) {
    this.f = f;
    this.shape = shape;
    this.gemm = new GemmTile(f, { fma, pixelBytes: 4 * shape.channels });
    this.aheadBytes = this.bytesAhead();
    [this.x, this.y, this.w] = f.locals('i32', 3) as [Pointer, Pointer, Pointer];
  }

  private bytesAhead(): number {
    const { channels, outChannels, tile, panel, tiles } = this.shape;
    const weightBytes = 4 * (tile + 2) ** 2 * channels * paddedChannels(outChannels);
    const times = Math.ceil(tiles / tilePixels(panel / 4, tiles));
    const bytes = Math.ceil((4 * panel) / times);
    const pays = times > 1 || 4 * panel * channels <= mostBytesOnce;
    return weightBytes > cacheBytes && pays && bytes <= lineBytes ? bytes : 0;
  }

  /** One register tile of several Winograd tiles. */
  private tiles(count: number, vectors: number): void {
    const { f, shape, gemm } = this;
    const width = paddedChannels(shape.outChannels);
    gemm.start(count, vectors);
    f.get(this.x).set(gemm.x).get(this.w).set(gemm.w);
    gemm.product(shape.channels, count, vectors, this.aheadBytes);
    for (let tile = 0; tile < count; tile++)
      for (let j = 0; j < vectors; j++)
        f.get(this.y)
          .get(gemm.sum(tile, j, vectors))
          .mem('v128.store', 4 * tile * width + 16 * j);
    advance(f, [
      [this.x, 4 * count * shape.channels],
      [this.y, 4 * count * width],
    ]);
  }

  private panel(vectors: number): void {
    const { f, shape, gemm } = this;
    const size = tilePixels(vectors, shape.tiles);
    if (this.aheadBytes)
      f.get(this.w)
        .i32(4 * shape.panel * shape.channels)
        .op('i32.add')
        .set(gemm.ahead);
    f.forRange(f.local('i32'), 0, Math.floor(shape.tiles / size), 1, () =>
      this.tiles(size, vectors),
    );
    if (shape.tiles % size) this.tiles(shape.tiles % size, vectors);
  }

  emit([input, weights, output, from, to]: readonly Pointer[]): void {
    const { f, shape } = this;
    const { channels, outChannels, panel } = shape;
    const panels = panelsOf(outChannels, panel);
    const count = Math.ceil(outChannels / panel);
    const [unit, k, index] = f.locals('i32', 3) as [Pointer, Pointer, Pointer];
    f.forRange(unit, from as Pointer, to as Pointer, 1, () => {
      f.get(unit).i32(count).op('i32.div_u').set(k);
      f.get(unit).i32(count).op('i32.rem_u').set(index);
      for (const [pointer, base, step, panelBytes] of [
        [this.x, input, shape.inputStep, 0],
        [this.y, output, shape.productStep, 4 * panel],
        [this.w, weights, 4 * channels * paddedChannels(outChannels), 4 * panel * channels],
      ] as const) {
        setScaled(f, pointer, base as Pointer, k, step);
        if (panelBytes) setScaled(f, pointer, pointer, index, panelBytes);
      }
      const [first, last] = panels.map(({ vectors }) => vectors) as [number, number?];
      if (last === undefined) this.panel(first);
      else
        f.get(index)
          .i32(count - 1)
          .op('i32.lt_u')
          .if(
            () => this.panel(first),
            () => this.panel(last),
          );
    });
  }
}

/** Parameters: V, weights, M, and the range. */
export function emitWinogradProduct(
  f: Emitter,
  args: readonly Pointer[],
  shape: ProductShape,
  fma: boolean,
): void {
  new ProductEmitter(f, shape, fma).emit(args);
}
