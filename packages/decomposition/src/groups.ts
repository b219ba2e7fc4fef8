/** Fits of all groups of a layer, one after the other, with the bias and the error that they make together. */
import { kernelError, meanBias, type Metric } from './metric.ts';
import type { Fitting } from './plan.ts';
import { refineForRelu, type Fit, type Solver } from './relu.ts';

/** Factors of one group, fitted to the data. */
export interface GroupFit<F> {
  readonly factors: F;
  /** The dense kernel `[O, D]` that factors stand for. */
  readonly equivalent: (factors: F) => Float64Array;
  /** Prepares fits to other targets: for the ReLU-aware refinement. */
  readonly refits: () => Solver<F>;
}

/** The parts of a fitted layer. */
export interface FittedLayer<F> {
  readonly groups: readonly F[];
  /** `[O]` */
  readonly bias: Float32Array;
  /** The dense kernel that they stand for, `[O, I/g·k]`. */
  readonly kernel: Float64Array;
  /** Relative to the variance of the response, before the ReLU-aware refinement. */
  readonly error: number;
}

/** Fits every group, then refines it for the ReLU behind the layer if `fitting.relu` says so. */
export async function fitGroups<F>(
  { layer, metrics, rows, relu }: Pick<Fitting, 'layer' | 'metrics' | 'rows' | 'relu'>,
  fitGroup: (metric: Metric, index: number) => GroupFit<F>,
): Promise<FittedLayer<F>> {
  const bias = new Float32Array(layer.size.outChannels);
  const dense = new Float64Array(layer.weight.length);
  const groups: F[] = [];
  let [error, variance] = [0, 0];
  for (const [index, metric] of metrics.entries()) {
    const { factors, equivalent, refits } = fitGroup(metric, index);
    const kernel = equivalent(factors);
    error += kernelError(metric, kernel) * metric.targetVariance;
    variance += metric.targetVariance;
    let fit: Fit<F> = { factors, bias: meanBias(metric, kernel) };
    if (relu > 0 && rows.response.relu) {
      const place = {
        layer: rows,
        firstPatch: index * metric.size,
        firstOutput: index * metric.outputs,
      };
      fit = await refineForRelu(metric, place, fit, refits(), relu);
    }
    groups.push(fit.factors);
    dense.set(equivalent(fit.factors), index * kernel.length);
    bias.set(fit.bias, index * metric.outputs);
  }
  return { groups, bias, kernel: dense, error: variance > 0 ? error / variance : 0 };
}
