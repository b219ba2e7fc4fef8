/**
 * The generated kernels and the memory they work in.
 *
 * `packRows` and `packColumns` bring operands into panels, and `multiplyTiles` multiplies these: A panels hold
 * `tileRows` rows (`a[k][i]`), a B panel `tileColumns` columns (`b[k][j]`), and each tile
 * `c[i][j] += Σₖ a[k][i]·b[k][j]` is kept in vector registers over the whole sum. Two rows of four vectors are the
 * largest tile that every V8 keeps in 16 registers without spilling; on float32 it has twice the columns.
 * `rotateRows` applies a list of plane rotations to a strip of columns.
 *
 * With relaxed SIMD the sums use fused multiply-add; results then differ in the last bits from
 * engines without it.
 */
import {
  ModuleBuilder,
  detectFeatures,
  pageBytes,
  webAssembly,
  type FunctionBuilder,
  type Local,
  type ValueType,
  type WasmMemory,
} from '@decouple/wasm';

export const tileRows = 2;
/** Vectors of a row of a tile. */
const tileVectors = 4;
/** Columns of a tile of float64. */
export const tileColumns = 2 * tileVectors;
/** Columns of a tile of float32. */
export const tileColumns32 = 4 * tileVectors;

/** Columns of a strip of `rotateRows`. */
export const stripColumns = 16;
/** Bytes of one rotation: row number (i32), padding, cosine and sine (f64). */
export const rotationBytes = 24;

/** Rows of a column of tiles: tiles below each other lie one after the other. */
export const blockRows = 128;

/**
 * Multiplies `tiles` consecutive A panels at byte `a` by the B panel at byte `b`, inner size `k`. `fresh` stores the
 * products in tiles at byte `c`, 0 adds them to what is there.
 */
export type MultiplyTiles = (
  a: number,
  b: number,
  c: number,
  tiles: number,
  k: number,
  fresh: 0 | 1,
) => void;

/**
 * Copies a matrix of as many rows as a tile has rows or columns into a panel at byte `target`: `panel[l][i]`, l below
 * `depth`. Element (i, l) lies at `source + i·rowStride + l·columnStride` bytes.
 */
export type PackPanel = (
  source: number,
  rowStride: number,
  columnStride: number,
  target: number,
  depth: number,
) => void;

/**
 * Adds `alpha` times the products in columns of tiles at byte `tiles`, `columns` of them, to float64 numbers at byte
 * `sums`: `rows` rows, `pitch` bytes apart.
 */
export type AddTiles = (
  sums: number,
  tiles: number,
  rows: number,
  columns: number,
  pitch: number,
  alpha: number,
) => void;

/** Kernels for one type of numbers. */
export interface ProductKernels {
  /** Packs `tileRows` rows of A. */
  readonly packRows: PackPanel;
  /** Packs the columns of B that make a tile, as rows of its transpose. */
  readonly packColumns: PackPanel;
  readonly multiplyTiles: MultiplyTiles;
  readonly addTiles: AddTiles;
}

export interface Kernels {
  readonly memory: WasmMemory;
  readonly float64: ProductKernels;
  readonly float32: ProductKernels;
  /** Applies `count` rotations of rows (i, i + 1), listed at byte `list`, to the strip at byte `strip`. */
  readonly rotateRows: (list: number, count: number, strip: number) => void;
}

let cached: Kernels | undefined;

/**
 * The kernels, compiled at the first call. Their memory is scratch space: every caller fills what
 * it needs and copies the result out before it returns, so nothing survives between calls.
 */
export function kernels(): Kernels {
  cached ??= compile();
  return cached;
}

/** The kernels with at least `bytes` of memory. Views of the memory made before are invalid. */
export function kernelsWithMemory(bytes: number): Kernels {
  const result = kernels();
  const missing = bytes - result.memory.buffer.byteLength;
  if (missing > 0) result.memory.grow(Math.ceil(missing / pageBytes));
  return result;
}

function compile(): Kernels {
  const { relaxedSimd } = detectFeatures();
  const module = new ModuleBuilder({ memory: { pages: 1, export: 'memory' } });
  for (const lanes of ['f64x2', 'f32x4'] as const) {
    emitPackPanel(module, `packRows ${lanes}`, lanes, tileRows);
    emitPackPanel(module, `packColumns ${lanes}`, lanes, tileVectors * lanesOf[lanes]);
    emitMultiplyTiles(module, `multiplyTiles ${lanes}`, lanes, relaxedSimd);
    emitAddTiles(module, `addTiles ${lanes}`, lanes);
  }
  emitRotateRows(module);
  const { exports } = new webAssembly.Instance(new webAssembly.Module(module.encode()));
  const kernelsOf = (lanes: Lanes): ProductKernels => ({
    packRows: exports[`packRows ${lanes}`] as PackPanel,
    packColumns: exports[`packColumns ${lanes}`] as PackPanel,
    multiplyTiles: exports[`multiplyTiles ${lanes}`] as MultiplyTiles,
    addTiles: exports[`addTiles ${lanes}`] as AddTiles,
  });
  return {
    memory: exports['memory'] as WasmMemory,
    float64: kernelsOf('f64x2'),
    float32: kernelsOf('f32x4'),
    rotateRows: exports['rotateRows'] as Kernels['rotateRows'],
  };
}

type Lanes = 'f64x2' | 'f32x4';
const lanesOf: Readonly<Record<Lanes, number>> = { f64x2: 2, f32x4: 4 };

function emitPackPanel(module: ModuleBuilder, name: string, lanes: Lanes, width: number): void {
  const bytes = 16 / lanesOf[lanes];
  const type = lanes === 'f64x2' ? 'f64' : 'f32';
  const f = module.function(name, {
    params: ['i32', 'i32', 'i32', 'i32', 'i32'],
    export: true,
  });
  const [source, rowStride, columnStride, target, depth] = f.args;
  const [l, from] = [f.local('i32'), f.local('i32')];
  f.forRange(l, 0, depth, 1, () => {
    f.get(source).set(from);
    for (let i = 0; i < width; i++) {
      f.get(target)
        .get(from)
        .mem(`${type}.load`)
        .mem(`${type}.store`, bytes * i);
      f.get(from).get(rowStride).op('i32.add').set(from);
    }
    f.get(source).get(columnStride).op('i32.add').set(source);
    f.increment(target, width * bytes);
  });
}

function emitMultiplyTiles(
  module: ModuleBuilder,
  name: string,
  lanes: Lanes,
  fused: boolean,
): void {
  const bytes = 16 / lanesOf[lanes];
  const splatLoad = lanes === 'f64x2' ? 'v128.load64_splat' : 'v128.load32_splat';
  const rowBytes = 16 * tileVectors;
  const f = module.function(name, {
    params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    export: true,
  });
  const [a, b, c, tiles, k, fresh] = f.args;
  const [tile, pb, end] = [f.local('i32'), f.local('i32'), f.local('i32')];
  const sums = f.locals('v128', tileRows * tileVectors);
  const rows = f.locals('v128', tileVectors);
  const splat = f.local('v128');
  f.get(b).get(k).i32(rowBytes).op('i32.mul', 'i32.add').set(end);
  f.forRange(tile, 0, tiles, 1, () => {
    f.get(fresh).if(
      () => sums.forEach((sum) => f.i32x4(0).set(sum)),
      () =>
        sums.forEach((sum, index) =>
          f
            .get(c)
            .mem('v128.load', 16 * index)
            .set(sum),
        ),
    );
    f.get(b).set(pb);
    f.loop((again) => {
      rows.forEach((row, j) =>
        f
          .get(pb)
          .mem('v128.load', 16 * j)
          .set(row),
      );
      for (let i = 0; i < tileRows; i++) {
        f.get(a)
          .mem(splatLoad, bytes * i)
          .set(splat);
        for (const [j, row] of rows.entries())
          accumulate(f, sums[i * tileVectors + j] as V, splat, row, { lanes, fused });
      }
      f.increment(a, tileRows * bytes);
      f.get(pb).i32(rowBytes).op('i32.add').tee(pb).get(end).op('i32.ne').brIf(again);
    });
    sums.forEach((sum, index) =>
      f
        .get(c)
        .get(sum)
        .mem('v128.store', 16 * index),
    );
    f.increment(c, tileRows * rowBytes);
  });
}

function accumulate(
  f: FunctionBuilder<readonly ValueType[]>,
  sum: V,
  x: V,
  y: V,
  { lanes, fused }: { readonly lanes: Lanes; readonly fused: boolean },
): void {
  if (fused) f.get(x).get(y).get(sum).op(`${lanes}.relaxed_madd`).set(sum);
  else f.get(sum).get(x).get(y).op(`${lanes}.mul`, `${lanes}.add`).set(sum);
}

function emitAddTiles(module: ModuleBuilder, name: string, lanes: Lanes): void {
  const f = module.function(name, {
    params: ['i32', 'i32', 'i32', 'i32', 'i32', 'f64'],
    export: true,
  });
  const [sums, tiles, rows, columns, pitch, alpha] = f.args;
  const [column, row] = [f.local('i32'), f.local('i32')];
  const [from, to, factor] = [f.local('i32'), f.local('i32'), f.local('v128')];
  const width = tileVectors * lanesOf[lanes];
  const rowBytes = 16 * tileVectors;
  f.get(alpha).op('f64x2.splat').set(factor);
  f.forRange(column, 0, columns, 1, () => {
    f.get(tiles).set(from).get(sums).set(to);
    f.forRange(row, 0, rows, 1, () => {
      for (let j = 0; j < width; j += 2) {
        f.get(to)
          .get(to)
          .mem('v128.load', 8 * j)
          .get(from);
        if (lanes === 'f64x2') f.mem('v128.load', 8 * j);
        else f.mem('v128.load64_zero', 4 * j).op('f64x2.promote_low_f32x4');
        f.get(factor)
          .op('f64x2.mul', 'f64x2.add')
          .mem('v128.store', 8 * j);
      }
      f.increment(from, rowBytes);
      f.get(to).get(pitch).op('i32.add').set(to);
    });
    f.increment(tiles, blockRows * rowBytes).increment(sums, 8 * width);
  });
}

/** Rotation: upper ← c·upper − s·lower, lower ← s·upper + c·lower, with upper = row i. */
function emitRotateRows(module: ModuleBuilder): void {
  const f = module.function('rotateRows', { params: ['i32', 'i32', 'i32'], export: true });
  const [list, count, strip] = f.args;
  const [round, row] = [f.local('i32'), f.local('i32')];
  const [cosine, sine, upper, lower] = f.locals('v128', 4) as [V, V, V, V];
  const rowBytes = stripColumns * 8;
  f.forRange(round, 0, count, 1, () => {
    f.get(strip).get(list).mem('i32.load').i32(rowBytes).op('i32.mul', 'i32.add').set(row);
    f.get(list).mem('v128.load64_splat', 8).set(cosine);
    f.get(list).mem('v128.load64_splat', 16).set(sine);
    for (let offset = 0; offset < rowBytes; offset += 16) {
      f.get(row).mem('v128.load', offset).set(upper);
      f.get(row)
        .mem('v128.load', rowBytes + offset)
        .set(lower);
      f.get(row).get(cosine).get(upper).op('f64x2.mul');
      f.get(sine).get(lower).op('f64x2.mul', 'f64x2.sub').mem('v128.store', offset);
      f.get(row).get(sine).get(upper).op('f64x2.mul');
      f.get(cosine)
        .get(lower)
        .op('f64x2.mul', 'f64x2.add')
        .mem('v128.store', rowBytes + offset);
    }
    f.increment(list, rotationBytes);
  });
}

type V = Local<'v128'>;
