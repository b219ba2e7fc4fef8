/** The form in which all eigensolvers give their result. */
export interface Eigen {
  /** Eigenvalues, largest first. */
  readonly values: Float64Array;
  /** Unit eigenvectors as rows, `[values.length, n]`; the entry largest in size is positive. */
  readonly vectors: Float64Array;
}

/** Sorts eigenpairs by falling value (equal values keep their order) and fixes the signs. */
export function orderPairs(values: Float64Array, vectors: Float64Array, n: number): Eigen {
  const order = Array.from(values.keys()).sort((i, j) => values[j]! - values[i]! || i - j);
  const sorted = new Float64Array(n * n);
  order.forEach((from, to) => sorted.set(vectors.subarray(from * n, (from + 1) * n), to * n));
  orientRows(sorted, n);
  return { values: Float64Array.from(order, (i) => values[i]!), vectors: sorted };
}

/**
 * Multiplies rows by ±1 such that the entry largest in size is positive; among equals the first
 * counts, where "equal" allows for rounding, or signs would hang on the last bit.
 */
export function orientRows(vectors: Float64Array, n: number): void {
  for (let row = 0; row < vectors.length; row += n) {
    let largest = 0;
    for (let i = row; i < row + n; i++) largest = Math.max(largest, Math.abs(vectors[i]!));
    let at = row;
    while (at < row + n - 1 && Math.abs(vectors[at]!) < largest * (1 - 1e-9)) at++;
    if (vectors[at]! >= 0) continue;
    for (let i = row; i < row + n; i++) vectors[i] = -vectors[i]!;
  }
}
