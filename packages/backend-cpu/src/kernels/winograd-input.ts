/** V[k, tile, c] = Bᵀ d B: the input transform of Winograd's method. Units of the range are rows of tiles. */
import { advance, setScaled, storeLanes } from '../emit/simd.ts';
import type { Emitter, Pointer, Vector } from '../kernel.ts';
import { reachOf, WinogradTransforms } from './winograd-transforms.ts';
import type { WinogradShape } from './winograd.ts';

class InputEmitter {
  private readonly f: Emitter;
  private readonly shape: WinogradShape;
  private readonly transforms: WinogradTransforms;
  private readonly line: Vector[];
  private readonly middle: Vector[];
  private readonly value: Vector;
  private readonly x: Pointer;
  private readonly v: Pointer;

  constructor(f: Emitter, shape: WinogradShape, fma: boolean) {
    this.f = f;
    this.shape = shape;
    this.transforms = new WinogradTransforms(f, shape.tile, fma);
    const size = reachOf(shape.tile);
    this.line = f.locals('v128', size);
    this.middle = f.locals('v128', size * size);
    this.value = f.local('v128');
    [this.x, this.v] = f.locals('i32', 2) as [Pointer, Pointer];
  }

  /** Four channels of a tile: columns first, then rows. */
  private vector(lanes: number): void {
    const { f, shape, transforms, line, middle } = this;
    const size = reachOf(shape.tile);
    for (let column = 0; column < size; column++) {
      line.forEach((local, at) =>
        f
          .get(this.x)
          .mem('v128.load', at * shape.input.row + column * shape.input.pixel)
          .set(local),
      );
      for (let at = 0; at < size; at++) {
        transforms.input(line, at);
        f.set(middle[at * size + column] as Vector);
      }
    }
    for (let at = 0; at < size; at++) {
      const row = middle.slice(at * size, (at + 1) * size);
      for (let column = 0; column < size; column++) {
        transforms.input(row, column);
        f.set(this.value);
        storeLanes(f, this.v, (at * size + column) * shape.inputStep, this.value, lanes);
      }
    }
  }

  /** All channels of a tile; leaves `v` at the next tile. */
  private tile(): void {
    const { f, shape } = this;
    const rest = shape.channels % 4;
    f.forRange(f.local('i32'), 0, Math.floor(shape.channels / 4), 1, () => {
      this.vector(4);
      advance(f, [
        [this.x, 16],
        [this.v, 16],
      ]);
    });
    if (!rest) return;
    this.vector(rest);
    f.increment(this.v, 4 * rest);
  }

  emit([input, output, from, to]: readonly [Pointer, Pointer, Pointer, Pointer]): void {
    const { f, shape } = this;
    const { tile, tileRows, tileColumns, channels } = shape;
    const [row, index, first] = f.locals('i32', 3) as [Pointer, Pointer, Pointer];
    f.forRange(row, from, to, 1, () => {
      f.get(row).i32(tileRows).op('i32.div_u').set(index);
      setScaled(f, first, input, index, shape.input.image);
      f.get(row).i32(tileRows).op('i32.rem_u').set(index);
      setScaled(f, first, first, index, tile * shape.input.row);
      setScaled(f, this.v, output, row, 4 * tileColumns * channels);
      f.forRange(f.local('i32'), 0, tileColumns, 1, () => {
        f.get(first).set(this.x);
        this.tile();
        f.increment(first, tile * shape.input.pixel);
      });
    });
  }
}

/** Parameters: input, V less the block's offset, and the range. */
export function emitWinogradInput(
  f: Emitter,
  args: readonly Pointer[],
  shape: WinogradShape,
  fma: boolean,
): void {
  new InputEmitter(f, shape, fma).emit(args as [Pointer, Pointer, Pointer, Pointer]);
}
