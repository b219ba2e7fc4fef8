/**
 * Data-driven fit of factors of either form: the pointwise part by least squares, alternation with the depthwise
 * part, and the ReLU-aware refinement.
 */
import type { LayerRows } from '@decouple/calibration';
import { multiplyAdd, transposed, view } from '@decouple/linalg';
import { equivalentKernel, type Factors } from './factors.ts';
import * as depthwiseFirst from './fit-dw-pw.ts';
import * as pointwiseFirst from './fit-pw-dw.ts';
import { meanBias, relativeError, type Metric } from './metric.ts';

export interface FitOptions {
  /** Rounds of refitting depthwise, then pointwise parts. */
  readonly rounds: number;
  /** Conjugate gradient steps of a depthwise refit (dw-pw). */
  readonly steps: number;
}

export interface Fit {
  readonly factors: Factors;
  readonly bias: Float64Array;
}

export const pointwiseSolver = (
  metric: Metric,
  factors: Factors,
): ((cross: Float64Array) => Factors) =>
  (factors.form === 'dw-pw' ? depthwiseFirst : pointwiseFirst).pointwiseSolver(metric, factors);

/** Ŵ·C_λ `[O, D]`. */
function timesGram(metric: Metric, kernel: Float64Array): Float64Array {
  const { outputs, size, gram } = metric;
  const product = new Float64Array(outputs * size);
  multiplyAdd(view(product, size), view(kernel, size), view(gram, size), {
    m: outputs,
    n: size,
    k: size,
  });
  return product;
}

/** Error of factors relative to the variance of the target; 0 is exact. */
export function errorOf(metric: Metric, factors: Factors): number {
  const kernel = equivalentKernel(factors);
  return relativeError(metric, kernel, timesGram(metric, kernel));
}

/** Fits both parts by alternating least squares; the error never rises from round to round. */
export function fitFactors(metric: Metric, start: Factors, options: FitOptions): Factors {
  let factors = pointwiseSolver(metric, start)(metric.cross);
  for (let round = 0; round < options.rounds; round++) {
    const moved =
      factors.form === 'dw-pw'
        ? depthwiseFirst.refitDepthwise(metric, factors, metric.cross, options.steps)
        : pointwiseFirst.refitDepthwise(metric, factors, metric.cross);
    factors = pointwiseSolver(metric, moved)(metric.cross);
  }
  return factors;
}

/** Number of iterations and weight λ of each stage of the ReLU-aware refinement. */
export type ReluSchedule = readonly (readonly [iterations: number, lambda: number])[];

/**
 * The target of one response under a ReLU: minimises (relu(z+s) - relu(y))² + λ(z - ŷ)² over z, where y includes the
 * shortcut s (algorithm of Zhang et al. and of the network decoupling reference, with the shortcut inside the ReLU).
 */
export function rectifiedTarget(
  target: number,
  fitted: number,
  shortcut: number,
  lambda: number,
): number {
  const wanted = Math.max(target + shortcut, 0);
  const sum = fitted + shortcut;
  const low = Math.min(sum, 0);
  const high = Math.max((lambda * sum + wanted) / (lambda + 1), 0);
  const lowCost = wanted * wanted + lambda * (low - sum) ** 2;
  const highCost = (high - wanted) ** 2 + lambda * (high - sum) ** 2;
  return (lowCost < highCost ? low : high) - shortcut;
}

/** One group of a layer's rows. */
export interface GroupRows {
  readonly layer: LayerRows;
  /** First element of the group's patch and first output channel. */
  readonly firstPatch: number;
  readonly firstOutput: number;
}

/**
 * Refits the pointwise part to what the ReLU behind the layer lets through. Each iteration is one pass over the
 * samples: responses, new targets, their moments, and a solve with the factorisation already at hand.
 * @param kernel W₀ `[O, D]`, towards which the ridge pulls.
 */
export async function refineForRelu(
  metric: Metric,
  kernel: ArrayLike<number>,
  rows: GroupRows,
  start: Fit,
  schedule: ReluSchedule,
): Promise<Fit> {
  const solve = pointwiseSolver(metric, start.factors);
  let fit = start;
  for (const [iterations, lambda] of schedule)
    for (let iteration = 0; iteration < iterations; iteration++) {
      const { cross, meanTarget } = await rectifiedMoments(metric, rows, fit, lambda);
      for (let index = 0; index < metric.size; index++)
        for (let output = 0; output < metric.outputs; output++)
          cross[index * metric.outputs + output] =
            (cross[index * metric.outputs + output] as number) +
            metric.ridge * (kernel[output * metric.size + index] as number);
      const factors = solve(cross);
      fit = { factors, bias: meanBias({ ...metric, meanTarget }, equivalentKernel(factors)) };
    }
  return fit;
}

/** Cross moments and mean of the rectified targets of the current fit. */
async function rectifiedMoments(
  metric: Metric,
  rows: GroupRows,
  fit: Fit,
  lambda: number,
): Promise<{ cross: Float64Array; meanTarget: Float64Array }> {
  const { size, outputs, meanPatch } = metric;
  const { layer, firstPatch, firstOutput } = rows;
  const { targets, shortcuts, outChannels, patchSize } = layer;
  const kernel = equivalentKernel(fit.factors);
  const cross = new Float64Array(size * outputs);
  const sums = new Float64Array(outputs);
  await layer.visitPatches((patches, firstRow, count) => {
    const x = view(patches, patchSize, firstPatch);
    const z = new Float64Array(count * outputs);
    multiplyAdd(view(z, outputs), x, transposed(view(kernel, size)), {
      m: count,
      n: outputs,
      k: size,
    });
    for (let row = 0; row < count; row++)
      for (let output = 0; output < outputs; output++) {
        const at = (firstRow + row) * outChannels + firstOutput + output;
        const fitted = (z[row * outputs + output] as number) + (fit.bias[output] as number);
        const value = rectifiedTarget(targets[at] as number, fitted, shortcuts?.[at] ?? 0, lambda);
        z[row * outputs + output] = value;
        sums[output] = (sums[output] as number) + value;
      }
    multiplyAdd(view(cross, outputs), transposed(x), view(z, outputs), {
      m: size,
      n: outputs,
      k: count,
    });
  });
  const meanTarget = sums.map((sum) => sum / layer.rows);
  for (let index = 0; index < size; index++)
    for (let output = 0; output < outputs; output++)
      cross[index * outputs + output] =
        (cross[index * outputs + output] as number) / layer.rows -
        (meanPatch[index] as number) * (meanTarget[output] as number);
  return { cross, meanTarget };
}
