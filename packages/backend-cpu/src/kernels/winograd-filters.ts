/** The module that transforms filters for Winograd's method, in float64, two output channels at a time. */
import { ModuleBuilder, pageBytes } from '@decouple/wasm';
import type { Emitter, Pointer, Vector } from '../kernel.ts';
import { reachOf, weightTransforms, type TileSize } from './winograd-transforms.ts';
import { filterMemoryFloats, startFilters, type WinogradFilters } from './winograd-weights.ts';

/**
 * Emits G of F(m×m, 3×3) times columns: the first row takes the first number, the last one the last, and those in between
 * come in pairs (a, ±b, c), even ± odd.
 */
class FilterTransform {
  private readonly f: Emitter;
  private readonly first: Vector;
  private readonly pairs: readonly (readonly [a: Vector, b: Vector, c: Vector])[];
  private readonly even: Vector;
  private readonly odd: Vector;

  constructor(f: Emitter, tile: TileSize) {
    const constant = (value: number): Vector => {
      const local = f.local('v128');
      f.f64x2(value).set(local);
      return local;
    };
    const rows = weightTransforms[tile];
    this.f = f;
    this.first = constant(rows[0]?.[0] as number);
    this.pairs = rows
      .filter((_, index) => index % 2 === 1 && index < rows.length - 1)
      .map((row) => row.map(constant) as [Vector, Vector, Vector]);
    [this.even, this.odd] = f.locals('v128', 2) as [Vector, Vector];
  }

  /** G · (x, y, z): each result is left on the stack, and taken from there by `take`. */
  column([x, y, z]: readonly Vector[], take: () => void): void {
    const { f, even, odd } = this;
    const product = (a: Vector, b: Vector): Emitter => f.get(a).get(b).op('f64x2.mul');
    product(this.first, x as Vector);
    take();
    for (const [a, b, c] of this.pairs) {
      product(a, x as Vector);
      product(c, z as Vector)
        .op('f64x2.add')
        .set(even);
      product(b, y as Vector).set(odd);
      for (const sign of ['f64x2.add', 'f64x2.sub'] as const) {
        f.get(even).get(odd).op(sign);
        take();
      }
    }
    f.get(z as Vector);
    take();
  }
}

/** A function as in `Transform` of winograd-weights.ts. */
function emitTransform(module: ModuleBuilder, tile: TileSize): void {
  const f = module.function(`f${tile}`, {
    params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    export: true,
  });
  const [first, lane, to, pixel, step, count] = f.args;
  const transform = new FilterTransform(f, tile);
  const size = reachOf(tile);
  const filter = f.locals('v128', 9);
  const between = Array.from({ length: size }, () => f.locals('v128', 3));
  const [one, two] = f.locals('v128', 2) as [Vector, Vector];
  const [second, target, index] = f.locals('i32', 3) as [Pointer, Pointer, Pointer];
  f.get(first).get(lane).op('i32.add').set(second);
  f.forRange(index, 0, count, 1, () => {
    for (const [tap, local] of filter.entries()) {
      // Vectors begin at taps 0, 4 and 5, so that the last one ends with the filter.
      const start = tap < 8 ? tap - (tap % 4) : 5;
      if (tap % 4 === 0) {
        f.get(first)
          .mem('v128.load', 4 * start)
          .set(one);
        f.get(second)
          .mem('v128.load', 4 * start)
          .set(two);
      }
      const at = tap - start;
      f.get(one)
        .get(two)
        .shuffle32([at, at + 4, at, at + 4]);
      f.op('f64x2.promote_low_f32x4').set(local);
    }
    for (let column = 0; column < 3; column++) {
      let row = 0;
      transform.column(
        [0, 3, 6].map((tap) => filter[tap + column] as Vector),
        () => f.set(between[row++]?.[column] as Vector),
      );
    }
    f.get(to).set(target);
    for (const row of between)
      transform.column(row, () => {
        f.op('f32x4.demote_f64x2_zero').set(one);
        f.get(target).get(one).memLane('v128.store64_lane', 0);
        f.increment(target, step);
      });
    f.increment(first, 36).increment(second, 36).increment(to, pixel);
  });
}

/** The code of the module: exports `memory` and, for each tile size, a transform, `f2` and `f4`. */
export function winogradFilterModule(): Uint8Array<ArrayBuffer> {
  const pages = Math.ceil((4 * filterMemoryFloats) / pageBytes);
  const module = new ModuleBuilder({ memory: { pages, export: 'memory' } });
  emitTransform(module, 2);
  emitTransform(module, 4);
  return module.encode();
}

let started: WinogradFilters | undefined;

/** The module at work: one for all networks. */
export const winogradFilters = (): WinogradFilters =>
  (started ??= startFilters(winogradFilterModule()));
