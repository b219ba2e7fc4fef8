/**
 * Data-driven fit of factors of either form: the pointwise part by least squares, alternation with the depthwise
 * part, and the ReLU-aware refinement.
 */
import {
  groupKernel,
  kernelError,
  meanBias,
  refineForRelu,
  type Fit,
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

/** The parts of a decoupled layer. */
export interface FittedLayer {
  readonly groups: readonly Factors[];
  readonly bias: Float32Array;
  readonly error: number;
}

/** Fits every group to the original responses, from the current network's inputs. */
export async function fitLayer(
  { layer, metrics, rows, relu, rounds }: Fitting,
  starts: readonly Factors[],
): Promise<FittedLayer> {
  const bias = new Float32Array(layer.size.outChannels);
  const groups: Factors[] = [];
  let [error, variance] = [0, 0];
  for (const [index, start] of starts.entries()) {
    const metric = metrics[index] as Metric;
    const factors = fitFactors(metric, start, rounds);
    error += errorOf(metric, factors) * metric.targetVariance;
    variance += metric.targetVariance;
    let fit: Fit<Factors> = { factors, bias: meanBias(metric, equivalentKernel(factors)) };
    if (relu > 0) {
      const place = {
        layer: rows,
        firstPatch: index * metric.size,
        firstOutput: index * metric.outputs,
      };
      const solver = { solve: pointwiseSolver(metric, factors), equivalent: equivalentKernel };
      fit = await refineForRelu(metric, groupKernel(layer, index), place, fit, solver, relu);
    }
    groups.push(fit.factors);
    bias.set(fit.bias, index * metric.outputs);
  }
  return { groups, bias, error: variance > 0 ? error / variance : 0 };
}
