/**
 * Cholesky factorisation A = L·Lᵀ of symmetric positive definite matrices, and what follows from it.
 *
 * Both factor and solvers halve the matrix recursively,
 *   A₁₁ = L₁₁L₁₁ᵀ,  L₂₁ = A₂₁L₁₁⁻ᵀ,  A₂₂ − L₂₁L₂₁ᵀ = L₂₂L₂₂ᵀ,
 * so that nearly all work is in products of large blocks; blocks up to `leaf` use plain loops, and
 * small matrices never touch the generated kernels. (Golub and Van Loan, Matrix Computations, §4.2)
 */
import { DecoupleError } from '@decouple/tensor';
import { requireLength } from './check.ts';
import { symmetrize } from './gemm.ts';
import { multiplyAdd, part, transposed, view, type View } from './multiply.ts';

const leaf = 32;
/** From this number of right-hand sides on a block on the diagonal is inverted first, so that solving is a product, too. */
const manyColumns = 48;
/** Rows of a triangular inverse that are multiplied together. */
const rowsAtOnce = 256;

/** The matrix is not positive definite to working precision. */
export class NotPositiveDefiniteError extends DecoupleError {
  override readonly name = 'NotPositiveDefiniteError';
  /** Row at which a pivot was not positive. */
  readonly row: number | undefined;

  constructor(message: string, options?: ErrorOptions & { readonly row?: number }) {
    super(message, options);
    this.row = options?.row;
  }
}

const notPositiveDefinite = (row: number, n: number): NotPositiveDefiniteError =>
  new NotPositiveDefiniteError(
    `cholesky: ${n}×${n} matrix is not positive definite (pivot of row ${row} is not > 0); ` +
      'add a ridge to the diagonal, or use choleskyWithRidge',
    { row },
  );

/**
 * Replaces A `[n, n]` by its factor L: reads only the lower triangle, zeroes the upper one.
 * @throws NotPositiveDefiniteError; A is then partly overwritten.
 */
export function cholesky(a: Float64Array, n: number): Float64Array {
  requireLength('cholesky: a', a, n * n);
  const failed = factor(view(a, n), n);
  if (failed >= 0) throw notPositiveDefinite(failed, n);
  for (let i = 0; i < n; i++) a.fill(0, i * n + i + 1, (i + 1) * n);
  return a;
}

export interface RidgeFactor {
  /** L of A + ridge·I, `[n, n]`. */
  readonly factor: Float64Array;
  /** What was added to the diagonal, in the units of A. */
  readonly ridge: number;
}

/**
 * Factors A + ridge·I, leaving A as it is. The ridge is `relativeRidge` times the mean of the
 * diagonal; where that does not suffice it is raised tenfold until it does. Starting from 0, the
 * first raise is to 1e-12 of the mean.
 * @throws NotPositiveDefiniteError if a ridge of 1e6 times the mean does not help (NaN, Infinity or
 * a negative diagonal).
 */
export function choleskyWithRidge(a: Float64Array, n: number, relativeRidge = 0): RidgeFactor {
  requireLength('choleskyWithRidge: a', a, n * n);
  let trace = 0;
  for (let i = 0; i < n; i++) trace += a[i * n + i]!;
  const mean = trace > 0 ? trace / n : 1;
  let relative = relativeRidge;
  for (;;) {
    const ridge = relative * mean;
    const trial = a.slice();
    for (let i = 0; i < n; i++) trial[i * n + i]! += ridge;
    try {
      return { factor: cholesky(trial, n), ridge };
    } catch (error) {
      relative = relative > 0 ? 10 * relative : 1e-12;
      if (!(error instanceof NotPositiveDefiniteError) || relative > 1e6) throw error;
    }
  }
}

/** Solves L·Lᵀ·X = B in place: L `[n, n]` from `cholesky`, B `[n, columns]`; returns B. */
export function solveCholesky(
  l: Float64Array,
  n: number,
  b: Float64Array,
  columns = 1,
): Float64Array {
  requireLength('solveCholesky: l', l, n * n);
  requireLength('solveCholesky: b', b, n * columns);
  solveLower(view(l, n), view(b, columns), n, columns);
  solveUpper(view(l, n), view(b, columns), n, columns);
  return b;
}

/** (L·Lᵀ)⁻¹ = L⁻ᵀ·L⁻¹ as a new array, for L `[n, n]` from `cholesky`. */
export function inverseFromCholesky(l: Float64Array, n: number): Float64Array {
  requireLength('inverseFromCholesky: l', l, n * n);
  const inverse = new Float64Array(n * n);
  invertLower(view(l, n), view(inverse, n), n);
  const result = new Float64Array(n * n);
  // Rows of L⁻¹ are zero right of the diagonal: the first k of them reach the leading k × k block alone.
  for (let row = 0; row < n; row += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, n - row);
    const rows = part(view(inverse, n), row, 0);
    const shape = { m: row + count, n: row + count, k: count, lower: true };
    multiplyAdd(view(result, n), transposed(rows), rows, shape);
  }
  symmetrize(result, n);
  return result;
}

/** First half of a split, a multiple of the leaf size. */
const half = (n: number) => leaf * Math.ceil(n / (2 * leaf));

/** Factors in place; returns the row of the first bad pivot, or -1. */
function factor(a: View, n: number): number {
  if (n <= leaf) return factorLeaf(a, n);
  const top = half(n);
  const bottom = n - top;
  const failedTop = factor(a, top);
  if (failedTop >= 0) return failedTop;
  const a21 = part(a, top, 0);
  const a22 = part(a, top, top);
  solveRight(a, a21, top, bottom);
  multiplyAdd(a22, a21, transposed(a21), { m: bottom, n: bottom, k: top, alpha: -1, lower: true });
  const failedBottom = factor(a22, bottom);
  return failedBottom < 0 ? -1 : top + failedBottom;
}

function factorLeaf({ data, offset, rowStride }: View, n: number): number {
  for (let i = 0; i < n; i++) {
    const row = offset + i * rowStride;
    for (let j = 0; j <= i; j++) {
      const other = offset + j * rowStride;
      let sum = data[row + j]!;
      for (let k = 0; k < j; k++) sum -= data[row + k]! * data[other + k]!;
      if (j < i) data[row + j] = sum / data[other + j]!;
      else if (sum > 0 && sum < Infinity) data[row + i] = Math.sqrt(sum);
      else return i;
    }
  }
  return -1;
}

/** X ← X·L⁻ᵀ for X `[rows, n]`. */
function solveRight(l: View, x: View, n: number, rows: number): void {
  if (n <= leaf) {
    solveRightLeaf(l, x, n, rows);
    return;
  }
  const left = half(n);
  const right = n - left;
  const x2 = part(x, 0, left);
  solveRight(l, x, left, rows);
  const shape = { m: rows, n: right, k: left, alpha: -1 };
  multiplyAdd(x2, x, transposed(part(l, left, 0)), shape);
  solveRight(part(l, left, left), x2, right, rows);
}

function solveRightLeaf(l: View, x: View, n: number, rows: number): void {
  if (rows >= manyColumns) {
    const inverse = view(inverseOfLeaf(l, n), n);
    const before = takeOut(x, rows, n);
    multiplyAdd(x, view(before, n), transposed(inverse), { m: rows, n, k: n });
    return;
  }
  for (let i = 0; i < rows; i++) {
    const row = x.offset + i * x.rowStride;
    for (let j = 0; j < n; j++) {
      const other = l.offset + j * l.rowStride;
      let sum = x.data[row + j]!;
      for (let k = 0; k < j; k++) sum -= x.data[row + k]! * l.data[other + k]!;
      x.data[row + j] = sum / l.data[other + j]!;
    }
  }
}

/** B ← L⁻¹·B for B `[n, columns]`. */
export function solveLower(l: View, b: View, n: number, columns: number): void {
  if (n <= leaf) {
    if (columns >= manyColumns) {
      const inverse = view(inverseOfLeaf(l, n), n);
      multiplyAdd(b, inverse, view(takeOut(b, n, columns), columns), { m: n, n: columns, k: n });
      return;
    }
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < i; k++) subtractRow(b, i, k, element(l, i, k), columns);
      divideRow(b, i, element(l, i, i), columns);
    }
    return;
  }
  const top = half(n);
  const bottom = n - top;
  const b2 = part(b, top, 0);
  solveLower(l, b, top, columns);
  multiplyAdd(b2, part(l, top, 0), b, { m: bottom, n: columns, k: top, alpha: -1 });
  solveLower(part(l, top, top), b2, bottom, columns);
}

/** B ← L⁻ᵀ·B for B `[n, columns]`. */
export function solveUpper(l: View, b: View, n: number, columns: number): void {
  if (n <= leaf) {
    if (columns >= manyColumns) {
      const inverse = transposed(view(inverseOfLeaf(l, n), n));
      multiplyAdd(b, inverse, view(takeOut(b, n, columns), columns), { m: n, n: columns, k: n });
      return;
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let k = i + 1; k < n; k++) subtractRow(b, i, k, element(l, k, i), columns);
      divideRow(b, i, element(l, i, i), columns);
    }
    return;
  }
  const top = half(n);
  const bottom = n - top;
  const b2 = part(b, top, 0);
  solveUpper(part(l, top, top), b2, bottom, columns);
  const shape = { m: top, n: columns, k: bottom, alpha: -1 };
  multiplyAdd(b, transposed(part(l, top, 0)), b2, shape);
  solveUpper(l, b, top, columns);
}

/** X ← L⁻¹, for X of zeros: X₂₁ = −X₂₂·L₂₁·X₁₁. */
function invertLower(l: View, x: View, n: number): void {
  if (n <= leaf) {
    const inverse = inverseOfLeaf(l, n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j <= i; j++) x.data[x.offset + i * x.rowStride + j] = inverse[i * n + j]!;
    return;
  }
  const top = half(n);
  const bottom = n - top;
  const [x22, x21] = [part(x, top, top), part(x, top, 0)];
  invertLower(l, x, top);
  invertLower(part(l, top, top), x22, bottom);
  const product = view(new Float64Array(bottom * top), top);
  multiplyAdd(product, part(l, top, 0), x, { m: bottom, n: top, k: top });
  multiplyAdd(x21, x22, product, { m: bottom, n: top, k: bottom, alpha: -1 });
}

/** L⁻¹ `[n, n]` of a block on the diagonal. */
function inverseOfLeaf(l: View, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const pivot = element(l, i, i);
    inverse[i * n + i] = 1 / pivot;
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum += element(l, i, k) * inverse[k * n + j]!;
      inverse[i * n + j] = -sum / pivot;
    }
  }
  return inverse;
}

/** Moves the elements of B `[rows, columns]` to an array of their own; B is zero then. */
function takeOut(b: View, rows: number, columns: number): Float64Array {
  const copy = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const row = b.data.subarray(b.offset + i * b.rowStride, b.offset + i * b.rowStride + columns);
    copy.set(row, i * columns);
    row.fill(0);
  }
  return copy;
}

const element = (of: View, i: number, j: number) => of.data[of.offset + i * of.rowStride + j]!;

/** Row i −= factor · row k. */
function subtractRow(b: View, i: number, k: number, factor: number, columns: number): void {
  const { data } = b;
  const target = b.offset + i * b.rowStride;
  const source = b.offset + k * b.rowStride;
  for (let j = 0; j < columns; j++) data[target + j]! -= factor * data[source + j]!;
}

function divideRow(b: View, i: number, divisor: number, columns: number): void {
  const row = b.offset + i * b.rowStride;
  for (let j = 0; j < columns; j++) b.data[row + j]! /= divisor;
}
