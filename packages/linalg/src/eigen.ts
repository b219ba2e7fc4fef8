/**
 * Eigenvalues and eigenvectors of symmetric matrices, A = Σᵢ λᵢ·zᵢ·zᵢᵀ.
 *
 * `symmetricEigen` finds all: tridiagonal form, then implicit QL with its rotations applied in
 * blocks. `topEigen` finds the largest: the same reduction, all eigenvalues, but vectors only for
 * those wanted, by inverse iteration; about 2n³/3 + d·n² multiplications for d of them, mostly in
 * large products. Unlike subspace iteration it does not hang on how fast the spectrum decays.
 */
import { requireLength } from './check.ts';
import { orderPairs, orientRows, type Eigen } from './eigenpairs.ts';
import { symmetrize } from './gemm.ts';
import { inverseIteration } from './inverse-iteration.ts';
import { jacobiEigen } from './jacobi.ts';
import { implicitQl } from './ql.ts';
import { rowRotator } from './rotations.ts';
import { applyReflections, tridiagonalize } from './tridiagonal.ts';

/** Up to this size Jacobi's method is faster. */
const jacobiSize = 20;

/**
 * All eigenpairs of a symmetric A `[n, n]`; reads the lower triangle and leaves A as it is.
 * @throws DecoupleError if A holds NaN or Infinity.
 */
export function symmetricEigen(a: Float64Array, n: number): Eigen {
  requireLength('symmetricEigen: a', a, n * n);
  if (n <= jacobiSize) return smallEigen(a, n);
  const { scaled, scale } = scaleToUnit(a, n);
  const reduced = tridiagonalize(scaled, n);
  const z = new Float64Array(n * n);
  for (let i = 0; i < n; i++) z[i * n + i] = 1;
  // Reflections before rotations: on rows of I the rotations would drown in subnormal numbers.
  applyReflections(reduced, z, n);
  const rotator = rowRotator(z, n);
  const values = reduced.diagonal;
  implicitQl(values, reduced.offDiagonal, rotator.rotate);
  rotator.flush();
  return orderPairs(times(values, scale), z, n);
}

/**
 * The `count` largest eigenpairs (by value, not by size) of a symmetric A `[n, n]`; reads the lower
 * triangle and leaves A as it is.
 * @throws DecoupleError if A holds NaN or Infinity.
 */
export function topEigen(a: Float64Array, n: number, count: number): Eigen {
  requireLength('topEigen: a', a, n * n);
  const wanted = Math.min(count, n);
  if (n <= jacobiSize) {
    const { values, vectors } = smallEigen(a, n);
    return { values: values.slice(0, wanted), vectors: vectors.slice(0, wanted * n) };
  }
  const { scaled, scale } = scaleToUnit(a, n);
  const reduced = tridiagonalize(scaled, n);
  const all = reduced.diagonal.slice();
  implicitQl(all, reduced.offDiagonal.slice(), () => undefined);
  const values = all.sort().reverse().slice(0, wanted);
  const vectors = inverseIteration(reduced, values);
  applyReflections(reduced, vectors, wanted);
  orientRows(vectors, n);
  return { values: times(values, scale), vectors };
}

function smallEigen(a: Float64Array, n: number): Eigen {
  const copy = a.slice();
  symmetrize(copy, n);
  return jacobiEigen(copy, n);
}

/** A copy of A scaled by a power of two to entries below 2, so that no square under- or overflows, and what undoes it. */
function scaleToUnit(a: Float64Array, n: number): { scaled: Float64Array; scale: number } {
  let largest = 0;
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) largest = Math.max(largest, Math.abs(a[i * n + j]!));
  const scale =
    largest > 0 && largest < Infinity ? 2 ** Math.max(-1000, Math.floor(Math.log2(largest))) : 1;
  return { scaled: times(a, 1 / scale), scale };
}

const times = (x: Float64Array, factor: number) => x.map((value) => value * factor);
