/** y = Aᵀ M A + bias + residual, activated: the output transform of Winograd's method. Units are rows of tiles. */
import { activate, advance, setScaled, storeLanes } from '../emit/simd.ts';
import type { Emitter, Pointer, Vector } from '../kernel.ts';
import { paddedChannels } from './gemm-panels.ts';
import { reachOf, WinogradTransforms } from './winograd-transforms.ts';
import type { WinogradShape } from './winograd.ts';

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
      for (let at = 0; at < tile; at++) {
        transforms.output(line, at);
        f.set(middle[at * size + column] as Vector);
      }
    }
    f.get(this.bias).mem('v128.load').set(this.offset);
    const partialRows = shape.outRows % tile !== 0;
    f.block((done) => {
      for (let row = 0; row < tile; row++) {
        const products = middle.slice(row * size, (row + 1) * size);
        for (let column = 0; column < columns; column++) {
          transforms.output(products, column);
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

  emit([products, bias, output, residual, from, to]: readonly [
    Pointer,
    Pointer,
    Pointer,
    Pointer,
    Pointer,
    Pointer,
  ]): void {
    const { f, shape } = this;
    const { tile, tileRows, tileColumns, outRows, outColumns } = shape;
    const [row, image, imageRow] = f.locals('i32', 3) as [Pointer, Pointer, Pointer];
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

/** Parameters: M less the block's offset, bias, output, residual, and the range. */
export function emitWinogradOutput(
  f: Emitter,
  args: readonly Pointer[],
  shape: WinogradShape,
  fma: boolean,
): void {
  new OutputEmitter(f, shape, fma).emit(
    args as [Pointer, Pointer, Pointer, Pointer, Pointer, Pointer],
  );
}
