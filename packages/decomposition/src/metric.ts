/**
 * The metric in which kernels are compared. With a patch covariance C, a cross moment R and a ridge towards the
 * original kernel W₀ (λ = α·tr C / D):
 *
 *   C_λ = C + λI      R_λ = R + λW₀ᵀ      error(Ŵ) = var - 2 tr(Ŵ R_λ) + tr(Ŵ C_λ Ŵᵀ) + λ‖W₀‖²
 *
 * α → ∞ compares weights (the papers' way), α → 0 responses on the data. One knob, one code path.
 */
import type { Moments } from '@decouple/calibration';
import { multiplyAdd, view } from '@decouple/linalg';
import { invariant } from '@decouple/tensor';
import type { KernelSize } from './layer.ts';

export interface Metric extends KernelSize {
  /** D = I·k. */
  readonly size: number;
  /** C_λ `[D, D]`. */
  readonly gram: Float64Array;
  /** R_λ `[D, O]`. */
  readonly cross: Float64Array;
  /** λW₀ᵀ `[D, O]`, what the ridge adds to R. */
  readonly pull: Float64Array;
  readonly meanPatch: Float64Array;
  readonly meanTarget: Float64Array;
  /** Error of the zero kernel: total variance plus λ‖W₀‖². Relative errors are to `targetVariance`. */
  readonly power: number;
  readonly targetVariance: number;
  /** Measured on drawn images: errors say less about pictures. */
  readonly synthetic?: true;
}

/**
 * The data metric of one group.
 * @param kernel W₀ `[O, D]`. @param alpha α, relative ridge.
 * The moments' arrays are taken over, not copied: they can't be used for another metric.
 */
export function dataMetric(
  moments: Moments,
  kernel: ArrayLike<number>,
  size: KernelSize,
  alpha: number,
): Metric {
  const { size: patch, outputs, covariance, cross } = moments;
  invariant(
    patch === size.inputs * size.taps && outputs === size.outputs,
    'moments fit the kernel',
  );
  let trace = 0;
  for (let index = 0; index < patch; index++) trace += covariance[index * patch + index] as number;
  // A layer whose input never varies is compared by its weights.
  const ridge = trace > 0 ? (alpha * trace) / patch : 1;
  const pull = new Float64Array(patch * outputs);
  let norm = 0;
  for (let index = 0; index < patch; index++) {
    const diagonal = index * patch + index;
    covariance[diagonal] = (covariance[diagonal] as number) + ridge;
    for (let output = 0; output < outputs; output++) {
      const weight = kernel[output * patch + index] as number;
      const at = index * outputs + output;
      const pulled = ridge * weight;
      pull[at] = pulled;
      cross[at] = (cross[at] as number) + pulled;
      norm += weight * weight;
    }
  }
  const { meanPatch, meanTarget, targetVariance } = moments;
  return {
    ...size,
    size: patch,
    gram: covariance,
    cross,
    pull,
    meanPatch,
    meanTarget,
    power: targetVariance + ridge * norm,
    targetVariance,
  };
}

/** Error of a dense-equivalent kernel Ŵ `[O, D]`, relative to the target's variance; 0 is exact. */
export function kernelError(metric: Metric, kernel: Float64Array): number {
  const { size, outputs, gram, cross, power, targetVariance } = metric;
  if (!(targetVariance > 0)) return 0;
  const product = new Float64Array(outputs * size);
  multiplyAdd(view(product, size), view(kernel, size), view(gram, size), {
    m: outputs,
    n: size,
    k: size,
  });
  let error = power;
  for (let output = 0; output < outputs; output++)
    for (let index = 0; index < size; index++)
      error +=
        (kernel[output * size + index] as number) *
        ((product[output * size + index] as number) -
          2 * (cross[index * outputs + output] as number));
  return Math.max(0, error) / targetVariance;
}

/** Bias that makes the mean response exact: b = μ_y - Ŵ μ_p. */
export function meanBias(
  metric: Pick<Metric, 'size' | 'outputs' | 'meanPatch' | 'meanTarget'>,
  kernel: Float64Array,
): Float64Array {
  const { size, outputs, meanPatch, meanTarget } = metric;
  return Float64Array.from({ length: outputs }, (_, output) => {
    let sum = meanTarget[output] as number;
    for (let index = 0; index < size; index++)
      sum -= (kernel[output * size + index] as number) * (meanPatch[index] as number);
    return sum;
  });
}
