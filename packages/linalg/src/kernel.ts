/**
 * The generated f64x2 kernels and the memory they work in.
 *
 * `multiplyTiles` multiplies packed panels: A panels hold `tileRows` rows (`a[k][i]`), a B panel
 * `tileColumns` columns (`b[k][j]`), and each tile `c[i][j] += Σₖ a[k][i]·b[k][j]` is kept in vector
 * registers over the whole sum. 2×8 is the largest tile that every V8 keeps in 16 registers
 * without spilling. `rotateRows` applies a list of plane rotations to a strip of columns.
 *
 * With relaxed SIMD the sums use fused multiply-add; results then differ in the last bits from
 * engines without it.
 */
import {
  ModuleBuilder,
  detectFeatures,
  webAssembly,
  type FunctionBuilder,
  type Local,
  type ValueType,
  type WasmMemory,
} from '@decouple/wasm';

export const tileRows = 2;
export const tileColumns = 8;

/** Columns of a strip of `rotateRows`. */
export const stripColumns = 16;
/** Bytes of one rotation: row number (i32), padding, cosine and sine (f64). */
export const rotationBytes = 24;

export interface Kernels {
  readonly memory: WasmMemory;
  /** Adds the products of `tiles` consecutive A panels at byte `a` by the B panel at byte `b`, inner size `k`. */
  readonly multiplyTiles: (a: number, b: number, c: number, tiles: number, k: number) => void;
  /** Applies `count` rotations of rows (i, i + 1), listed at byte `list`, to the strip at byte `strip`. */
  readonly rotateRows: (list: number, count: number, strip: number) => void;
}

const pageBytes = 65536;
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
  emitMultiplyTiles(module, relaxedSimd);
  emitRotateRows(module);
  const instance = new webAssembly.Instance(new webAssembly.Module(module.encode()));
  return instance.exports as unknown as Kernels;
}

function emitMultiplyTiles(module: ModuleBuilder, fused: boolean): void {
  const f = module.function('multiplyTiles', {
    params: ['i32', 'i32', 'i32', 'i32', 'i32'],
    export: true,
  });
  const [a, b, c, tiles, k] = f.args;
  const vectors = tileColumns / 2;
  const [tile, pb, end] = [f.local('i32'), f.local('i32'), f.local('i32')];
  const sums = f.locals('v128', tileRows * vectors);
  const rows = f.locals('v128', vectors);
  const splat = f.local('v128');
  f.get(b)
    .get(k)
    .i32(tileColumns * 8)
    .op('i32.mul', 'i32.add')
    .set(end);
  f.forRange(tile, 0, tiles, 1, () => {
    sums.forEach((sum, index) =>
      f
        .get(c)
        .mem('v128.load', 16 * index)
        .set(sum),
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
          .mem('v128.load64_splat', 8 * i)
          .set(splat);
        for (const [j, row] of rows.entries())
          accumulate(f, sums[i * vectors + j] as Local<'v128'>, splat, row, fused);
      }
      f.increment(a, tileRows * 8);
      f.get(pb)
        .i32(tileColumns * 8)
        .op('i32.add')
        .tee(pb)
        .get(end)
        .op('i32.ne')
        .brIf(again);
    });
    sums.forEach((sum, index) =>
      f
        .get(c)
        .get(sum)
        .mem('v128.store', 16 * index),
    );
    f.increment(c, tileRows * tileColumns * 8);
  });
}

function accumulate(
  f: FunctionBuilder<readonly ValueType[]>,
  sum: Local<'v128'>,
  x: Local<'v128'>,
  y: Local<'v128'>,
  fused: boolean,
): void {
  if (fused) f.get(x).get(y).get(sum).op('f64x2.relaxed_madd').set(sum);
  else f.get(sum).get(x).get(y).op('f64x2.mul', 'f64x2.add').set(sum);
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
