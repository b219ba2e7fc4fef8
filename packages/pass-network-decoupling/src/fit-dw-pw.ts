/**
 * Least-squares fits of dw-pw factors in the data metric. With B the sparse map from patches to features
 * (feature c is depthwise kernel S_c on channel of[c]):
 *
 *   pointwise   G = B C_λ Bᵀ [R,R], shared by all outputs;   P = G⁻¹ B R_λ                 one Cholesky
 *   depthwise   Σ_c' Q_cc' C_λ[(i_c,κ),(i_c',ℓ)] S_c'[ℓ] = Σ_o P[c,o] R_λ[(i_c,κ),o],  Q = P Pᵀ   conjugate gradients
 */
import {
  choleskyWithRidge,
  conjugateGradient,
  multiplyAdd,
  solveCholesky,
  transposed,
  transposedCopy,
  view,
} from '@decouple/linalg';
import type { Metric, Solver } from '@decouple/decomposition';
import type { Factors } from './factors.ts';

/** B·C_λ as rows `[R, D]`: row c is Σ_ℓ S_c[ℓ]·C_λ[(i_c,ℓ), :]. Three ℓ at a time: a row is long to read and write. */
function featureRows(metric: Metric, of: Int32Array, depthwise: Float64Array): Float64Array {
  const { size, taps, gram } = metric;
  const rows = new Float64Array(of.length * size);
  for (let term = 0; term < of.length; term++) {
    const row = rows.subarray(term * size, (term + 1) * size);
    const kernel = depthwise.subarray(term * taps, (term + 1) * taps);
    const first = (of[term] as number) * taps * size;
    let tap = 0;
    for (; tap + 2 < taps; tap += 3) {
      const [x, y, z] = kernel.subarray(tap, tap + 3) as unknown as [number, number, number];
      const from = first + tap * size;
      for (let index = 0; index < size; index++)
        row[index] =
          (row[index] as number) +
          x * (gram[from + index] as number) +
          y * (gram[from + size + index] as number) +
          z * (gram[from + 2 * size + index] as number);
    }
    for (; tap < taps; tap++) {
      const weight = kernel[tap] as number;
      const from = first + tap * size;
      for (let index = 0; index < size; index++)
        row[index] = (row[index] as number) + weight * (gram[from + index] as number);
    }
  }
  return rows;
}

/** G = B C_λ Bᵀ `[R, R]`. */
export function featureGram(metric: Metric, of: Int32Array, depthwise: Float64Array): Float64Array {
  const { size, taps } = metric;
  const rows = featureRows(metric, of, depthwise);
  const terms = of.length;
  const gram = new Float64Array(terms * terms);
  for (let a = 0; a < terms; a++)
    for (let b = 0; b <= a; b++) {
      const at = a * size + (of[b] as number) * taps;
      let sum = 0;
      for (let tap = 0; tap < taps; tap++)
        sum += (rows[at + tap] as number) * (depthwise[b * taps + tap] as number);
      gram[a * terms + b] = gram[b * terms + a] = sum;
    }
  return gram;
}

/** B·R `[R, O]` for a cross moment R `[D, O]`. */
export function featureCross(
  cross: Float64Array,
  outputs: number,
  taps: number,
  of: Int32Array,
  depthwise: Float64Array,
): Float64Array {
  const result = new Float64Array(of.length * outputs);
  for (let term = 0; term < of.length; term++)
    for (let tap = 0; tap < taps; tap++) {
      const weight = depthwise[term * taps + tap] as number;
      const from = ((of[term] as number) * taps + tap) * outputs;
      for (let output = 0; output < outputs; output++)
        result[term * outputs + output] =
          (result[term * outputs + output] as number) + weight * (cross[from + output] as number);
    }
  return result;
}

/** Solves for pointwise parts with the depthwise kernels fixed; the factorisation serves many targets. */
export function pointwiseSolver(
  metric: Metric,
  factors: Factors,
): (cross: Float64Array) => Factors {
  const { outputs, taps } = metric;
  const { of, depthwise } = factors;
  const { factor } = choleskyWithRidge(featureGram(metric, of, depthwise), of.length);
  return (cross) => ({
    ...factors,
    pointwise: solveCholesky(
      factor,
      of.length,
      featureCross(cross, outputs, taps, of, depthwise),
      outputs,
    ),
  });
}

/** The same with the responses of the depthwise kernels as features. */
export function outputSolver(metric: Metric, factors: Factors): Solver<Factors> {
  const { size, outputs, taps } = metric;
  const { of, depthwise } = factors;
  const terms = of.length;
  const { factor } = choleskyWithRidge(featureGram(metric, of, depthwise), terms);
  const basis = new Float64Array(terms * size);
  of.forEach((channel, term) =>
    basis.set(depthwise.subarray(term * taps, (term + 1) * taps), term * size + channel * taps),
  );
  return {
    basis,
    solve: (cross) => ({ ...factors, pointwise: solveCholesky(factor, terms, cross, outputs) }),
    kernel: ({ pointwise }) => transposedCopy(pointwise, terms, outputs),
  };
}

/** Gives each depthwise kernel unit length; the product with the pointwise part stays. */
function normalized(factors: Factors): Factors {
  const { taps, outputs, of } = factors;
  const [depthwise, pointwise] = [factors.depthwise.slice(), factors.pointwise.slice()];
  for (let term = 0; term < of.length; term++) {
    const norm = Math.hypot(...depthwise.subarray(term * taps, (term + 1) * taps));
    if (!(norm > 0)) continue;
    for (let tap = 0; tap < taps; tap++)
      depthwise[term * taps + tap] = (depthwise[term * taps + tap] as number) / norm;
    for (let output = 0; output < outputs; output++)
      pointwise[term * outputs + output] = (pointwise[term * outputs + output] as number) * norm;
  }
  return { ...factors, depthwise, pointwise };
}

/** Refits the depthwise kernels with the pointwise part fixed, by a few conjugate gradient steps from the current ones. */
export function refitDepthwise(
  metric: Metric,
  factors: Factors,
  cross: Float64Array,
  iterations: number,
): Factors {
  const { size, taps, gram, outputs } = metric;
  const { of, pointwise } = factors;
  const terms = of.length;
  const q = new Float64Array(terms * terms);
  const p = view(pointwise, outputs);
  multiplyAdd(view(q, terms), p, transposed(p), { m: terms, n: terms, k: outputs });
  const rhs = new Float64Array(terms * taps);
  const diagonal = new Float64Array(terms * taps);
  for (let term = 0; term < terms; term++)
    for (let tap = 0; tap < taps; tap++) {
      const index = (of[term] as number) * taps + tap;
      let sum = 0;
      for (let output = 0; output < outputs; output++)
        sum +=
          (pointwise[term * outputs + output] as number) *
          (cross[index * outputs + output] as number);
      rhs[term * taps + tap] = sum;
      diagonal[term * taps + tap] = Math.max(
        (q[term * terms + term] as number) * (gram[index * size + index] as number),
        1e-300,
      );
    }
  const apply = (s: Float64Array, result: Float64Array): void => {
    const rows = featureRows(metric, of, s);
    result.fill(0);
    // Row by row of both matrices (Q is symmetric), as they lie in memory.
    for (let b = 0; b < terms; b++) {
      const row = rows.subarray(b * size, (b + 1) * size);
      const weights = q.subarray(b * terms, (b + 1) * terms);
      for (let a = 0, at = 0; a < terms; a++) {
        const weight = weights[a] as number;
        const from = (of[a] as number) * taps;
        for (let tap = 0; tap < taps; tap++, at++)
          result[at] = (result[at] as number) + weight * (row[from + tap] as number);
      }
    }
  };
  const { x } = conjugateGradient(apply, rhs, {
    start: factors.depthwise,
    maxIterations: iterations,
    tolerance: 1e-8,
    diagonal,
  });
  return normalized({ ...factors, depthwise: x });
}
