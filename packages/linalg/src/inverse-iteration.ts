/**
 * Eigenvectors of a symmetric tridiagonal matrix for eigenvalues known to working precision:
 * solve (T − λI)·z′ = z from a random start, three times. (Wilkinson 1958; LAPACK `dstein`)
 *
 * Vectors come out orthogonal up to ε·‖T‖/gap. Those of eigenvalues closer than `clusterGap`·‖T‖
 * are made orthogonal one by one, all together by a final Cholesky step Z ← L⁻¹Z, ZZᵀ = LLᵀ: the
 * mixing it undoes is at most ε·‖T‖/gap between eigenvalues `gap` apart, thus harmless.
 */
import { createRandom } from '@decouple/tensor';
import { cholesky, solveLower } from './cholesky.ts';
import { multiplyAdd, transposed, view } from './multiply.ts';
import type { Tridiagonal } from './tridiagonal.ts';
import { addScaled, dot } from './vectors.ts';

const clusterGap = 1e-8;
const rounds = 3;

/** Eigenvectors as rows for `values`, sorted from the largest down. */
export function inverseIteration(t: Tridiagonal, values: Float64Array): Float64Array {
  const { n } = t;
  const random = createRandom(1);
  const norm = tridiagonalNorm(t);
  const vectors = new Float64Array(values.length * n);
  const solver = shiftedSolver(t, norm);
  let clusterStart = 0;
  let shift = Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (i > 0 && values[i - 1]! - value > clusterGap * norm) clusterStart = i;
    // Equal shifts would give equal vectors but for the start: keep them a few roundings apart.
    shift = Math.min(value, shift - 10 * Number.EPSILON * Math.abs(value));
    solver.factor(shift);
    const z = vectors.subarray(i * n, (i + 1) * n);
    for (let j = 0; j < n; j++) z[j] = 2 * random.uniform() - 1;
    for (let round = 0; round < rounds; round++) {
      solver.solve(z);
      normalize(z);
      for (let j = clusterStart; j < i; j++) {
        const other = vectors.subarray(j * n, (j + 1) * n);
        addScaled(z, other, -dot(z, other, n), n);
      }
      if (clusterStart < i) normalize(z);
    }
  }
  orthonormalizeRows(vectors, values.length, n);
  return vectors;
}

/** Z ← L⁻¹·Z with Z·Zᵀ = L·Lᵀ; the rows must be close to orthonormal. */
function orthonormalizeRows(z: Float64Array, rows: number, n: number): void {
  const gram = new Float64Array(rows * rows);
  const shape = { m: rows, n: rows, k: n, lower: true };
  multiplyAdd(view(gram, rows), view(z, n), transposed(view(z, n)), shape);
  solveLower(view(cholesky(gram, rows), rows), view(z, n), rows, n);
}

function normalize(z: Float64Array): void {
  let largest = 0;
  for (const x of z) largest = Math.max(largest, Math.abs(x));
  if (largest === 0) return;
  const scale = 1 / largest;
  let squares = 0;
  for (let i = 0; i < z.length; i++) squares += (scale * z[i]!) ** 2;
  const factor = scale / Math.sqrt(squares);
  for (let i = 0; i < z.length; i++) z[i]! *= factor;
}

function tridiagonalNorm({ n, diagonal, offDiagonal }: Tridiagonal): number {
  let norm = 0;
  for (let i = 0; i < n; i++) {
    const left = Math.abs(offDiagonal[i]!);
    const right = Math.abs(offDiagonal[i + 1] ?? 0);
    norm = Math.max(norm, left + Math.abs(diagonal[i]!) + right);
  }
  return norm;
}

/** LU factors of T − shift·I with row exchanges: U has two diagonals above the main one. */
function shiftedSolver({ n, diagonal, offDiagonal }: Tridiagonal, norm: number) {
  const pivots = new Float64Array(n);
  const next = new Float64Array(n);
  const second = new Float64Array(n);
  const multipliers = new Float64Array(n);
  const exchanged = new Uint8Array(n);
  const smallest = Number.EPSILON * (norm || 1);

  const factor = (shift: number): void => {
    let pivot = diagonal[0]! - shift;
    let right = offDiagonal[1] ?? 0;
    for (let i = 0; i < n - 1; i++) {
      const below = offDiagonal[i + 1]!;
      const belowDiagonal = diagonal[i + 1]! - shift;
      const belowRight = offDiagonal[i + 2] ?? 0;
      const exchange = Math.abs(below) > Math.abs(pivot);
      exchanged[i] = exchange ? 1 : 0;
      if (exchange) {
        const multiplier = pivot / below;
        multipliers[i] = multiplier;
        pivots[i] = below;
        next[i] = belowDiagonal;
        second[i] = belowRight;
        pivot = right - multiplier * belowDiagonal;
        right = -multiplier * belowRight;
      } else {
        const divisor = Math.abs(pivot) < smallest ? smallest : pivot;
        const multiplier = below / divisor;
        multipliers[i] = multiplier;
        pivots[i] = divisor;
        next[i] = right;
        second[i] = 0;
        pivot = belowDiagonal - multiplier * right;
        right = belowRight;
      }
    }
    pivots[n - 1] = Math.abs(pivot) < smallest ? smallest : pivot;
  };

  const solve = (z: Float64Array): void => {
    for (let i = 0; i < n - 1; i++) {
      const upper = z[i]!;
      const lower = z[i + 1]!;
      const [kept, passed] = exchanged[i] ? [lower, upper] : [upper, lower];
      z[i] = kept;
      z[i + 1] = passed - multipliers[i]! * kept;
    }
    let after = 0;
    let afterNext = 0;
    for (let i = n - 1; i >= 0; i--) {
      const known = next[i]! * after + second[i]! * afterNext;
      afterNext = after;
      after = (z[i]! - (i === n - 1 ? 0 : known)) / pivots[i]!;
      z[i] = after;
    }
  };

  return { factor, solve };
}
