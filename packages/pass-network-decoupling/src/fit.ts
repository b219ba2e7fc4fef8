/**
 * Data-driven fit of factors of either form: the pointwise part by least squares, alternation with the depthwise
 * part, and the ReLU-aware refinement.
 */
import {
  fitGroups,
  kernelError,
  type FittedLayer,
  type Fitting,
  type Metric,
} from '@decouple/decomposition';
import { equivalentKernel, type Factors } from './factors.ts';
import * as depthwiseFirst from './fit-dw-pw.ts';
import * as pointwiseFirst from './fit-pw-dw.ts';

/** Conjugate gradient steps of one depthwise refit (dw-pw). */
const steps = 12;

export const pointwiseSolver = (
  metric: Metric,
  factors: Factors,
): ((cross: Float64Array) => Factors) =>
  (factors.form === 'dw-pw' ? depthwiseFirst : pointwiseFirst).pointwiseSolver(metric, factors);

/** Error of factors relative to the variance of the target; 0 is exact. */
export const errorOf = (metric: Metric, factors: Factors): number =>
  kernelError(metric, equivalentKernel(factors));

/**
 * Fits both parts by alternating least squares; the error never rises from round to round.
 * @param rounds of refitting depthwise, then pointwise parts.
 */
export function fitFactors(metric: Metric, start: Factors, rounds: number): Factors {
  let factors = pointwiseSolver(metric, start)(metric.cross);
  for (let round = 0; round < rounds; round++) {
    const moved =
      factors.form === 'dw-pw'
        ? depthwiseFirst.refitDepthwise(metric, factors, metric.cross, steps)
        : pointwiseFirst.refitDepthwise(metric, factors, metric.cross);
    factors = pointwiseSolver(metric, moved)(metric.cross);
  }
  return factors;
}

/** Fits every group to the original responses, from the current network's inputs. */
export const fitLayer = (
  fitting: Fitting,
  starts: readonly Factors[],
): Promise<FittedLayer<Factors>> =>
  fitGroups(fitting, (metric, index) => {
    const factors = fitFactors(metric, starts[index] as Factors, fitting.rounds);
    return {
      factors,
      equivalent: equivalentKernel,
      refits: () =>
        factors.form === 'dw-pw'
          ? depthwiseFirst.outputSolver(metric, factors)
          : { solve: pointwiseSolver(metric, factors), kernel: equivalentKernel },
    };
  });
