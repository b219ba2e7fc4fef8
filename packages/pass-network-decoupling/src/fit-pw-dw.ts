/**
 * Least-squares fits of pw-dw factors in the data metric, one output at a time: output o has T depthwise kernels
 * S_t and pointwise vectors P_t, and features f_{t,i} = Σ_κ S_t[κ] p[(i,κ)]:
 *
 *   pointwise   G_o[(t,i),(s,j)] = Σ_κℓ S_t[κ] C_λ[(i,κ),(j,ℓ)] S_s[ℓ];   P_o = G_o⁻¹ B_o R_λ[:, o]    T·I unknowns
 *   depthwise   N_o[(t,κ),(s,ℓ)] = Σ_ij P_t[i] C_λ[(i,κ),(j,ℓ)] P_s[j];   S_o = N_o⁻¹ A_o R_λ[:, o]    T·k unknowns
 *
 * There is a Cholesky factorisation per output, so this form costs O times what dw-pw costs to fit.
 */
import { choleskyWithRidge, solveCholesky } from '@decouple/linalg';
import type { Metric } from '@decouple/decomposition';
import type { Factors } from './factors.ts';

/** Terms of each output: `[first, end)` in the list of terms. */
function rangesOf(factors: Factors): [number, number][] {
  const ranges: [number, number][] = Array.from({ length: factors.outputs }, () => [0, 0]);
  for (let term = 0; term < factors.of.length; term++) {
    const range = ranges[factors.of[term] as number] as [number, number];
    if (range[1] === 0) range[0] = term;
    range[1] = term + 1;
  }
  return ranges;
}

/** G_o, features ordered term by term: `[(t,i), (s,j)]`. */
export function outputGram(metric: Metric, kernels: Float64Array): Float64Array {
  const { inputs, taps, size, gram } = metric;
  const terms = kernels.length / taps;
  const n = terms * inputs;
  const result = new Float64Array(n * n);
  const right = new Float64Array(taps * terms);
  for (let i = 0; i < inputs; i++)
    for (let j = 0; j <= i; j++) {
      for (let a = 0; a < taps; a++) {
        const from = (i * taps + a) * size + j * taps;
        for (let s = 0; s < terms; s++) {
          let sum = 0;
          for (let b = 0; b < taps; b++)
            sum += (gram[from + b] as number) * (kernels[s * taps + b] as number);
          right[a * terms + s] = sum;
        }
      }
      for (let t = 0; t < terms; t++)
        for (let s = 0; s < terms; s++) {
          let sum = 0;
          for (let a = 0; a < taps; a++)
            sum += (kernels[t * taps + a] as number) * (right[a * terms + s] as number);
          const [row, column] = [t * inputs + i, s * inputs + j];
          result[row * n + column] = result[column * n + row] = sum;
        }
    }
  return result;
}

function outputCross(
  metric: Metric,
  cross: Float64Array,
  kernels: Float64Array,
  output: number,
): Float64Array {
  const { inputs, taps, outputs } = metric;
  const terms = kernels.length / taps;
  const result = new Float64Array(terms * inputs);
  for (let t = 0; t < terms; t++)
    for (let i = 0; i < inputs; i++) {
      let sum = 0;
      for (let a = 0; a < taps; a++)
        sum +=
          (kernels[t * taps + a] as number) * (cross[(i * taps + a) * outputs + output] as number);
      result[t * inputs + i] = sum;
    }
  return result;
}

/** Solves for pointwise parts with the depthwise kernels fixed; the factorisations serve many targets. */
export function pointwiseSolver(
  metric: Metric,
  factors: Factors,
): (cross: Float64Array) => Factors {
  const { taps, inputs } = metric;
  const outputs = rangesOf(factors).map(([first, end]) => {
    const kernels = factors.depthwise.slice(first * taps, end * taps);
    return {
      first,
      end,
      kernels,
      factor:
        end > first
          ? choleskyWithRidge(outputGram(metric, kernels), (end - first) * inputs).factor
          : undefined,
    };
  });
  return (cross) => {
    const pointwise = new Float64Array(factors.of.length * inputs);
    outputs.forEach(({ first, end, kernels, factor }, output) => {
      if (factor)
        pointwise.set(
          solveCholesky(
            factor,
            (end - first) * inputs,
            outputCross(metric, cross, kernels, output),
          ),
          first * inputs,
        );
    });
    return { ...factors, pointwise };
  };
}

/** Refits the depthwise kernels with the pointwise part fixed. */
export function refitDepthwise(metric: Metric, factors: Factors, cross: Float64Array): Factors {
  const { inputs, taps, size, gram, outputs } = metric;
  const depthwise = factors.depthwise.slice();
  const pointwise = factors.pointwise.slice();
  rangesOf(factors).forEach(([first, end], output) => {
    const terms = end - first;
    if (terms === 0) return;
    const n = terms * taps;
    // rows[(t,κ), :] = Σ_i P_t[i] C_λ[(i,κ), :]
    const rows = new Float64Array(n * size);
    const rhs = new Float64Array(n);
    for (let t = 0; t < terms; t++)
      for (let i = 0; i < inputs; i++) {
        const weight = pointwise[(first + t) * inputs + i] as number;
        for (let a = 0; a < taps; a++) {
          const [to, from] = [(t * taps + a) * size, (i * taps + a) * size];
          for (let index = 0; index < size; index++)
            rows[to + index] =
              (rows[to + index] as number) + weight * (gram[from + index] as number);
          rhs[t * taps + a] =
            (rhs[t * taps + a] as number) +
            weight * (cross[(i * taps + a) * outputs + output] as number);
        }
      }
    const normal = new Float64Array(n * n);
    for (let row = 0; row < n; row++)
      for (let s = 0; s < terms; s++)
        for (let j = 0; j < inputs; j++) {
          const weight = pointwise[(first + s) * inputs + j] as number;
          for (let b = 0; b < taps; b++)
            normal[row * n + s * taps + b] =
              (normal[row * n + s * taps + b] as number) +
              weight * (rows[row * size + j * taps + b] as number);
        }
    const { factor } = choleskyWithRidge(normal, n, 1e-9);
    const solved = solveCholesky(factor, n, rhs);
    depthwise.set(solved, first * taps);
  });
  return { ...factors, depthwise, pointwise };
}

/**
 * Error of each output with its first 1, 2, … T terms, pointwise parts refitted, from one factorisation of all T:
 * with features in the order of terms, L⁻¹ B R is nested and each block's squared norm is what its term explains.
 * @returns `[O, T]`, explained power.
 */
export function explainedPerTerm(metric: Metric, factors: Factors): Float64Array[] {
  const { taps, inputs } = metric;
  return rangesOf(factors).map(([first, end], output) => {
    const terms = end - first;
    const explained = new Float64Array(terms);
    if (terms === 0) return explained;
    const kernels = factors.depthwise.slice(first * taps, end * taps);
    const n = terms * inputs;
    const { factor } = choleskyWithRidge(outputGram(metric, kernels), n);
    const rhs = outputCross(metric, metric.cross, kernels, output);
    for (let row = 0; row < n; row++) {
      let sum = rhs[row] as number;
      for (let column = 0; column < row; column++)
        sum -= (factor[row * n + column] as number) * (rhs[column] as number);
      const value = sum / (factor[row * n + row] as number);
      rhs[row] = value;
      const term = Math.floor(row / inputs);
      explained[term] = (explained[term] as number) + value * value;
    }
    return explained;
  });
}
