/**
 * The lasso given by moments: minimise ½ βᵀQβ − qᵀβ + λ‖β‖₁. With Q = XᵀX and q = Xᵀy that is least squares with a
 * penalty on absolute values; the samples themselves are not needed.
 *
 * Cyclic coordinate descent, β_i ← soft(q_i − Σ_{j≠i} Q_ij β_j, λ) / Q_ii, with the gradient kept up to date.
 * (Friedman, Hastie, Tibshirani, Regularization Paths for Generalized Linear Models, 2010, §2.2)
 */
import { requireLength } from './check.ts';

/** Shrinks towards zero by `threshold`. */
const soft = (value: number, threshold: number): number =>
  Math.sign(value) * Math.max(Math.abs(value) - threshold, 0);

export interface LassoOptions {
  /** Where to start; default zeros. */
  readonly start?: Float64Array | undefined;
  /** Ends when no step changes the gradient by more than this share of the largest |q_i|. Default 1e-9. */
  readonly tolerance?: number | undefined;
  /** Default 1,000. */
  readonly maxSweeps?: number | undefined;
}

const largestOf = (values: Float64Array): number =>
  values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);

/**
 * The coefficients β for one λ ≥ 0. Features without variance (Q_ii = 0) get 0.
 * @param gram Q `[n, n]`, positive semidefinite. @param cross q `[n]`.
 */
export function lasso(
  gram: Float64Array,
  cross: Float64Array,
  lambda: number,
  { start, tolerance = 1e-9, maxSweeps = 1000 }: LassoOptions = {},
): Float64Array {
  const n = cross.length;
  requireLength('lasso: gram', gram, n * n);
  const beta = start?.slice() ?? new Float64Array(n);
  requireLength('lasso: start', beta, n);
  const gradient = cross.slice();
  const move = (i: number, step: number): void => {
    for (let j = 0; j < n; j++) gradient[j]! -= step * gram[i * n + j]!;
  };
  beta.forEach((value, i) => value !== 0 && move(i, value));
  const enough = tolerance * largestOf(cross);
  for (let sweep = 0; sweep < maxSweeps; sweep++) {
    let largest = 0;
    for (let i = 0; i < n; i++) {
      const scale = gram[i * n + i]!;
      const before = beta[i]!;
      const after = scale > 0 ? soft(gradient[i]! + scale * before, lambda) / scale : 0;
      if (after === before) continue;
      beta[i] = after;
      move(i, after - before);
      largest = Math.max(largest, Math.abs(after - before) * scale);
    }
    if (largest <= enough) break;
  }
  return beta;
}

/** Coefficients for a λ that leaves a number of them. */
export interface LassoSelection {
  readonly coefficients: Float64Array;
  readonly lambda: number;
}

/**
 * Bisects λ until `count` coefficients are left, or the fewest above that which bisection finds (all, when no λ > 0
 * leaves so many).
 * @param start coefficients of a similar problem, to begin with.
 */
export function lassoOfCount(
  gram: Float64Array,
  cross: Float64Array,
  count: number,
  start?: Float64Array,
): LassoSelection {
  let [low, high] = [0, largestOf(cross)];
  let best: LassoSelection | undefined;
  let latest = start;
  for (let step = 0; step < 50; step++) {
    const lambda = (low + high) / 2;
    const coefficients = lasso(gram, cross, lambda, { start: latest, tolerance: 1e-6 });
    const left = coefficients.reduce((sum, value) => sum + (value === 0 ? 0 : 1), 0);
    latest = coefficients;
    if (left >= count) best = { coefficients, lambda };
    if (left === count) break;
    if (left > count) low = lambda;
    else high = lambda;
  }
  return best ?? { coefficients: lasso(gram, cross, 0, { start: latest }), lambda: 0 };
}
