/**
 * Conjugate gradients for A·x = b with a symmetric positive definite A known only by its action.
 * (Hestenes and Stiefel 1952)
 */
import { addScaled, dot } from './vectors.ts';

export interface ConjugateGradientOptions {
  /** Stop once ‖b − A·x‖ ≤ tolerance·‖b‖; 1e-10 by default. */
  readonly tolerance?: number;
  /** At most this many applications of A; the size of b by default. */
  readonly maxIterations?: number;
  /** Where to start; zero by default. Not changed. */
  readonly start?: Float64Array;
  /** Diagonal of A; given, the search is scaled by its inverse (Jacobi preconditioning). */
  readonly diagonal?: Float64Array;
}

export interface ConjugateGradientResult {
  readonly x: Float64Array;
  readonly iterations: number;
  /** ‖b − A·x‖ / ‖b‖ as tracked by the recurrence. */
  readonly residual: number;
  readonly converged: boolean;
}

/**
 * Solves A·x = b. `applyOperator` writes A·x to `result`, which it must fill completely. Stops early,
 * not converged, where A shows itself not positive definite.
 */
export function conjugateGradient(
  applyOperator: (x: Float64Array, result: Float64Array) => void,
  b: Float64Array,
  options: ConjugateGradientOptions = {},
): ConjugateGradientResult {
  const { tolerance = 1e-10, maxIterations = b.length, start, diagonal } = options;
  const n = b.length;
  const x = start ? start.slice() : new Float64Array(n);
  const applied = new Float64Array(n);
  const residual = b.slice();
  if (start) {
    applyOperator(x, applied);
    addScaled(residual, applied, -1, n);
  }
  const scaled = diagonal ? residual.map((value, i) => value / diagonal[i]!) : residual;
  const direction = scaled.slice();
  const size = Math.sqrt(dot(b, b, n)) || 1;
  let product = dot(residual, scaled, n);
  let iterations = 0;
  const relative = () => Math.sqrt(dot(residual, residual, n)) / size;
  while (iterations < maxIterations && relative() > tolerance) {
    applyOperator(direction, applied);
    iterations++;
    const curvature = dot(direction, applied, n);
    if (!(curvature > 0)) break;
    addScaled(x, direction, product / curvature, n);
    addScaled(residual, applied, -product / curvature, n);
    if (diagonal) for (let i = 0; i < n; i++) scaled[i] = residual[i]! / diagonal[i]!;
    const before = product;
    product = dot(residual, scaled, n);
    for (let i = 0; i < n; i++) direction[i] = scaled[i]! + (product / before) * direction[i]!;
  }
  const final = relative();
  return { x, iterations, residual: final, converged: final <= tolerance };
}
