/**
 * Least squares over coefficients that are not negative, given by moments: minimise ½ βᵀQβ − qᵀβ, β ≥ 0, by cyclic
 * coordinate descent. For few coefficients: each sweep takes n² operations, and many sweeps are made.
 * (Franc, Hlaváč, Navara, Sequential Coordinate-Wise Algorithm for the Non-negative Least Squares Problem, 2005)
 */
import { requireLength } from './check.ts';

const maxSweeps = 20_000;
const tolerance = 1e-12;

/**
 * @param gram Q `[n, n]`, positive semidefinite. @param cross q `[n]`.
 * @returns β `[n]`; 0 where Q_ii is.
 */
export function nonNegativeLeastSquares(gram: Float64Array, cross: Float64Array): Float64Array {
  const n = cross.length;
  requireLength('nonNegativeLeastSquares: gram', gram, n * n);
  const beta = new Float64Array(n);
  const gradient = cross.map((value) => -value);
  const scale = cross.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  for (let sweep = 0; sweep < maxSweeps; sweep++) {
    let moved = 0;
    for (let i = 0; i < n; i++) {
      const diagonal = gram[i * n + i] as number;
      if (!(diagonal > 0)) continue;
      const old = beta[i] as number;
      const now = Math.max(0, old - (gradient[i] as number) / diagonal);
      if (now === old) continue;
      beta[i] = now;
      for (let j = 0; j < n; j++)
        gradient[j] = (gradient[j] as number) + (now - old) * (gram[i * n + j] as number);
      moved = Math.max(moved, Math.abs(now - old) * diagonal);
    }
    if (moved <= tolerance * scale) break;
  }
  return beta;
}
