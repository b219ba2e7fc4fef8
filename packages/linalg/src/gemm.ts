/** Products of dense matrices: row-major arrays, sizes given beside them. */
import { requireLength } from './check.ts';
import { multiplyAdd, transposed, view, type AnyView } from './multiply.ts';

export type RealArray = Float64Array | Float32Array;

export interface GemmOptions {
  /** Rows of the result. */
  readonly m: number;
  /** Columns of the result. */
  readonly n: number;
  /** Length of the sums. */
  readonly k: number;
  /** `[m, k]`, or `[k, m]` with `transA`. */
  readonly a: RealArray;
  /** `[k, n]`, or `[n, k]` with `transB`. */
  readonly b: RealArray;
  /** `[m, n]`, updated in place; fresh zeros if left out. Must not overlap `a` or `b`. */
  readonly c?: Float64Array;
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Factor of the product, 1 by default. */
  readonly alpha?: number;
  /** Factor of the old `c`, 0 by default; with 0 the old values are not read. */
  readonly beta?: number;
}

/**
 * C ← α·op(A)·op(B) + β·C in float64; returns C.
 * @throws InvariantError if an array has not the size the dimensions ask for.
 */
export function gemm(options: GemmOptions): Float64Array {
  const { m, n, k, a, b, transA = false, transB = false, alpha = 1, beta = 0 } = options;
  const c = options.c ?? new Float64Array(m * n);
  requireLength('gemm: a', a, m * k);
  requireLength('gemm: b', b, k * n);
  requireLength('gemm: c', c, m * n);
  if (beta === 0) c.fill(0);
  else if (beta !== 1) for (let i = 0; i < c.length; i++) c[i] = beta * c[i]!;
  const opA: AnyView = transA ? transposed(view(a, m)) : view(a, k);
  const opB: AnyView = transB ? transposed(view(b, k)) : view(b, n);
  multiplyAdd(view(c, n), opA, opB, { m, n, k, alpha });
  return c;
}

/**
 * C += XᵀX for X `[rows, columns]`, C `[columns, columns]`. Only the elements on and below the
 * diagonal of C are updated; call `symmetrize` once all rows are in.
 */
export function addGram(c: Float64Array, x: RealArray, rows: number, columns: number): void {
  requireLength('addGram: x', x, rows * columns);
  requireLength('addGram: c', c, columns * columns);
  const samples: AnyView = view(x, columns);
  multiplyAdd(view(c, columns), transposed(samples), samples, {
    m: columns,
    n: columns,
    k: rows,
    lower: true,
  });
}

/** Sizes of a cross product: X `[rows, xColumns]`, Y `[rows, yColumns]`. */
export interface CrossShape {
  readonly rows: number;
  readonly xColumns: number;
  readonly yColumns: number;
}

/** R += XᵀY, R `[xColumns, yColumns]`. */
export function addCross(r: Float64Array, x: RealArray, y: RealArray, shape: CrossShape): void {
  const { rows, xColumns, yColumns } = shape;
  requireLength('addCross: x', x, rows * xColumns);
  requireLength('addCross: y', y, rows * yColumns);
  requireLength('addCross: r', r, xColumns * yColumns);
  multiplyAdd(view(r, yColumns), transposed<RealArray>(view(x, xColumns)), view(y, yColumns), {
    m: xColumns,
    n: yColumns,
    k: rows,
  });
}

/** Copies the elements below the diagonal of A `[n, n]` to above it. */
export function symmetrize(a: Float64Array, n: number): void {
  requireLength('symmetrize: a', a, n * n);
  const block = 32; // both sides of a block fit the first-level cache
  for (let rows = 0; rows < n; rows += block) {
    for (let columns = 0; columns <= rows; columns += block) {
      for (let i = rows; i < Math.min(n, rows + block); i++) {
        for (let j = columns; j < Math.min(i, columns + block); j++) a[j * n + i] = a[i * n + j]!;
      }
    }
  }
}
