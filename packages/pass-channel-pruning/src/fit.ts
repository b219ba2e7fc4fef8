/** Least squares on the patches of some input channels. */
import { meanBias, refineForRelu, type Fitting, type Metric } from '@decouple/decomposition';
import { choleskyWithRidge, solveCholesky, transposedCopy } from '@decouple/linalg';
import { pick, pickRows } from './matrix.ts';
import type { ChannelMetric } from './metric.ts';

/** Numbers of the features of some channels. */
const featuresOf = (channels: ArrayLike<number>, perChannel: number): Int32Array =>
  Int32Array.from({ length: channels.length * perChannel }, (_, at) => {
    const channel = channels[Math.floor(at / perChannel)] as number;
    return channel * perChannel + (at % perChannel);
  });

/** Solves for some features: the factor of their Gram, and their cross moments. */
function restricted(
  { gram, cross, outputs }: Pick<Metric, 'gram' | 'cross' | 'outputs'>,
  kept: Int32Array,
): { factor: Float64Array; cross: Float64Array } {
  const width = cross.length / outputs;
  const { factor } = choleskyWithRidge(pick(gram, width, kept, kept), kept.length);
  return { factor, cross: pickRows(cross, outputs, kept) };
}

const dot = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, value, at) => sum + value * (b[at] as number), 0);

/** Squared error of the best fit on some channels. */
export function errorWith(metric: ChannelMetric, channels: ArrayLike<number>): number {
  if (!channels.length) return metric.power;
  const kept = featuresOf(channels, metric.features);
  const { factor, cross } = restricted(metric, kept);
  const solved = solveCholesky(factor, kept.length, cross.slice(), metric.outputs);
  return metric.power - dot(cross, solved);
}

/** A convolution that reads some channels. */
export interface FittedSubset {
  /** `[O, |S|, k]` */
  readonly weight: Float64Array;
  readonly bias: Float64Array;
  /** Relative to the variance of the response. */
  readonly error: number;
}

/** The kernel on all channels, zero where they are not read. */
function scatter(weight: Float64Array, kept: Int32Array, { outputs, size }: Metric): Float64Array {
  const full = new Float64Array(outputs * size);
  for (let output = 0; output < outputs; output++)
    kept.forEach((index, at) => {
      full[output * size + index] = weight[output * kept.length + at] as number;
    });
  return full;
}

/** Fits the kernel on `channels` to the original responses, from the current network's inputs. */
export async function fitSubset(
  { metrics, rows, relu }: Fitting,
  channels: Int32Array,
): Promise<FittedSubset> {
  const [metric] = metrics as readonly [Metric];
  const { outputs, taps, power, targetVariance } = metric;
  const kept = featuresOf(channels, taps);
  const { factor, cross } = restricted(metric, kept);
  const solved = solveCholesky(factor, kept.length, cross.slice(), outputs);
  const error = Math.max(0, power - dot(cross, solved));
  const equivalent = (weight: Float64Array): Float64Array => scatter(weight, kept, metric);
  const toKernel = (solution: Float64Array): Float64Array =>
    transposedCopy(solution, kept.length, outputs);
  const solve = (targets: Float64Array): Float64Array =>
    toKernel(solveCholesky(factor, kept.length, pickRows(targets, outputs, kept), outputs));
  const weight = toKernel(solved);
  let fit = { factors: weight, bias: meanBias(metric, equivalent(weight)) };
  if (relu > 0) {
    const place = { layer: rows, firstPatch: 0, firstOutput: 0 };
    fit = await refineForRelu(metric, place, fit, { solve, kernel: equivalent }, relu);
  }
  return {
    weight: fit.factors,
    bias: fit.bias,
    error: targetVariance > 0 ? error / targetVariance : 0,
  };
}
