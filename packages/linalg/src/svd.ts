/** Truncated singular value decomposition, and the regression of given rank that follows from it. */
import { requireLength } from './check.ts';
import { choleskyWithRidge, solveLower, solveUpper } from './cholesky.ts';
import { orientRows } from './eigenpairs.ts';
import { topEigen } from './eigen.ts';
import { multiplyAdd, transposed, view, type View } from './multiply.ts';

export interface Svd {
  /** Singular values, largest first. */
  readonly values: Float64Array;
  /** Unit left singular vectors as rows, `[values.length, m]`; the entry largest in size is positive. */
  readonly left: Float64Array;
  /** Unit right singular vectors as rows, `[values.length, n]`. */
  readonly right: Float64Array;
}

/**
 * The `rank` (at most min(m, n)) leading singular triplets of A `[m, n]`, A ≈ Σₜ σₜ·uₜ·vₜᵀ; A is left as it is.
 * From the eigenvectors of the smaller of AᵀA and AAᵀ: those of the shorter side are orthonormal to rounding, those
 * of the longer side and the values are products with A. Σ σₜ·uₜ·vₜᵀ is therefore exact to rounding even where values
 * are tiny, but vectors of values below 1e-8 of the largest are no longer orthogonal on the longer side, and zero
 * where the value is zero.
 * @throws DecoupleError if A holds NaN or Infinity.
 */
export function truncatedSvd(a: Float64Array, m: number, n: number, rank = Math.min(m, n)): Svd {
  requireLength('truncatedSvd: a', a, m * n);
  const count = Math.min(rank, m, n);
  if (m > n) {
    const { values, short, long } = fromShortSide(transposed(view(a, n)), n, m, count);
    orient(long, short, m);
    return { values, left: long, right: short };
  }
  const { values, short, long } = fromShortSide(view(a, n), m, n, count);
  orient(short, long, m);
  return { values, left: short, right: long };
}

/** Triplets of A `[m, n]` with m ≤ n. */
function fromShortSide(a: View, m: number, n: number, count: number) {
  const gram = new Float64Array(m * m);
  multiplyAdd(view(gram, m), a, transposed(a), { m, n: m, k: n, lower: true });
  const short = topEigen(gram, m, count).vectors;
  const long = new Float64Array(count * n);
  multiplyAdd(view(long, n), view(short, m), a, { m: count, n, k: m });
  const values = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    const vector = long.subarray(row * n, (row + 1) * n);
    const value = norm(vector);
    values[row] = value;
    if (value > 0) for (let i = 0; i < n; i++) vector[i]! /= value;
  }
  return { values, short, long };
}

/** Length of a vector, safe from under- and overflow. */
function norm(vector: Float64Array): number {
  let largest = 0;
  for (const value of vector) largest = Math.max(largest, Math.abs(value));
  if (!(largest > 0)) return 0;
  let sum = 0;
  for (const value of vector) sum += (value / largest) ** 2;
  return largest * Math.sqrt(sum);
}

/** Makes the largest entry of each row of `first` positive, and turns `second` along. */
function orient(first: Float64Array, second: Float64Array, columns: number): void {
  const rows = first.length / columns;
  const width = second.length / Math.max(rows, 1);
  const before = first.slice();
  orientRows(first, columns);
  for (let row = 0; row < rows; row++) {
    const at = before
      .subarray(row * columns, (row + 1) * columns)
      .findIndex((value) => value !== 0);
    if (at < 0 || before[row * columns + at] === first[row * columns + at]) continue;
    for (let i = row * width; i < (row + 1) * width; i++) second[i] = -second[i]!;
  }
}

export interface ReducedRankRegression {
  /** B* = (C⁻¹R)ᵀ `[outputs, size]`: the best map of full rank. */
  readonly coefficients: Float64Array;
  /** Orthonormal directions of the outputs as rows `[values.length, outputs]`, those that explain most first. */
  readonly directions: Float64Array;
  /** What each direction explains: the error of rank d is `power - Σ values[0..d)`. */
  readonly values: Float64Array;
}

/**
 * Regression y ≈ B·x with B of low rank, from the moments C = E[x·xᵀ] `[size, size]` and R = E[x·yᵀ]
 * `[size, outputs]`: of all B of rank d, U_d·U_dᵀ·B* has the least E‖y - B·x‖², with U_d the first d directions, the
 * eigenvectors of B*·C·B*ᵀ. (Izenman 1975)
 * @param rank directions wanted, at most min(size, outputs).
 * @throws NotPositiveDefiniteError if C is not a covariance.
 */
export function reducedRankRegression(
  gram: Float64Array,
  size: number,
  cross: Float64Array,
  outputs: number,
  rank = Math.min(size, outputs),
): ReducedRankRegression {
  return reducedRankSolver(gram, size)(cross, outputs, rank);
}

/** The same for many R: C is factored once. */
export function reducedRankSolver(
  gram: Float64Array,
  size: number,
): (cross: Float64Array, outputs: number, rank?: number) => ReducedRankRegression {
  const { factor } = choleskyWithRidge(gram, size);
  return (cross, outputs, rank = Math.min(size, outputs)) => {
    requireLength('reducedRankRegression: cross', cross, size * outputs);
    // B*·C·B*ᵀ = RᵀC⁻¹R = ZᵀZ with Z = L⁻¹R.
    const solved = cross.slice();
    solveLower(view(factor, size), view(solved, outputs), size, outputs);
    const { values, right } = truncatedSvd(solved, size, outputs, rank);
    solveUpper(view(factor, size), view(solved, outputs), size, outputs);
    const coefficients = new Float64Array(outputs * size);
    for (let output = 0; output < outputs; output++)
      for (let at = 0; at < size; at++)
        coefficients[output * size + at] = solved[at * outputs + output]!;
    return { coefficients, directions: right, values: values.map((value) => value * value) };
  };
}
