/**
 * Which channels a layer keeps, for several numbers of channels.
 *
 *   elimination  backward elimination in the data metric (eliminate.ts)
 *   lasso        He et al., arXiv 1707.06168, section 3.1: each channel's contribution X_i W_iᵀ gets a coefficient β_i
 *                under an L1 penalty. On moments: Q_ij = Σ_o W_oi C_ij W_ojᵀ, q_i = Σ_o W_oi R_i,o
 *   l1           the channels whose filters have the largest sum of absolute weights (Li et al., arXiv 1608.08710)
 *
 * Without data the metric is the identity, where elimination and lasso agree: the largest slices of the kernel stay.
 */
import { groupKernel, type Layer, type Metric } from '@decouple/decomposition';
import { lassoOfCount, multiplyAdd, transposed, view } from '@decouple/linalg';
import { eliminateChannels } from './eliminate.ts';
import { errorWith } from './fit.ts';
import { channelMetric } from './metric.ts';

export type Method = 'elimination' | 'lasso' | 'l1';

/** Channels to keep, ascending, and the relative error of the best fit on them. */
export interface Subset {
  readonly channels: Int32Array;
  readonly error: number;
}

/** The `count` channels with the largest scores; ties go to the first. */
function strongest(scores: ArrayLike<number>, count: number): Int32Array {
  const ranked = Array.from(scores, (score, channel) => ({ score, channel }));
  ranked.sort((a, b) => b.score - a.score || a.channel - b.channel);
  return Int32Array.from(ranked.slice(0, count), ({ channel }) => channel).sort();
}

/** Sums of |w|^p over the part of the kernel that reads each channel. */
export function sliceNorms({ weight, group }: Layer, power: 1 | 2): Float64Array {
  const { inputs, taps } = group;
  const norms = new Float64Array(inputs);
  weight.forEach((value, at) => {
    const channel = Math.floor(at / taps) % inputs;
    norms[channel] = (norms[channel] as number) + (power === 1 ? Math.abs(value) : value * value);
  });
  return norms;
}

/** Q `[n, n]` and q `[n]` of the lasso over channels. */
function channelMoments(layer: Layer, { gram, cross, inputs, outputs, taps, size }: Metric) {
  const kernel = groupKernel(layer, 0);
  const quadratic = new Float64Array(inputs * inputs);
  const linear = new Float64Array(inputs);
  const rows = new Float64Array(taps * size);
  for (let i = 0; i < inputs; i++) {
    // Σ_o W_oi W_oj for all j: the rows of WᵀW that belong to channel i.
    rows.fill(0);
    multiplyAdd(view(rows, size), transposed(view(kernel, size, i * taps)), view(kernel, size), {
      m: taps,
      n: size,
      k: outputs,
    });
    for (let tap = 0; tap < taps; tap++) {
      const row = i * taps + tap;
      for (let column = 0; column < size; column++) {
        const at = i * inputs + Math.floor(column / taps);
        quadratic[at] =
          (quadratic[at] as number) +
          (rows[tap * size + column] as number) * (gram[row * size + column] as number);
      }
      for (let output = 0; output < outputs; output++)
        linear[i] =
          (linear[i] as number) +
          (kernel[output * size + row] as number) * (cross[row * outputs + output] as number);
    }
  }
  return { quadratic, linear };
}

/** Channel sets by the lasso; each solution starts from that of the next larger set. */
function lassoSets(layer: Layer, metric: Metric, counts: readonly number[]): Int32Array[] {
  const { quadratic, linear } = channelMoments(layer, metric);
  let start: Float64Array | undefined;
  return counts.map((count) => {
    const { coefficients } = lassoOfCount(quadratic, linear, count, start);
    start = coefficients;
    const shares = coefficients.map(
      (value, channel) => value * value * (quadratic[channel * metric.inputs + channel] as number),
    );
    return strongest(shares, count);
  });
}

/** Channel sets by elimination, with the errors that come with them. */
function eliminationSets(layer: Layer, metric: Metric, counts: readonly number[]): Subset[] {
  const { order, losses } = eliminateChannels(channelMetric(layer, metric));
  return counts.map((count) => {
    const dropped = order.length - count;
    const loss = losses.subarray(0, dropped).reduce((sum, value) => sum + value, 0);
    return {
      channels: order.slice(dropped).sort(),
      error: metric.targetVariance > 0 ? Math.max(0, loss) / metric.targetVariance : 0,
    };
  });
}

function setsOnData(
  layer: Layer,
  metric: Metric,
  counts: readonly number[],
  method: Method,
  strengths: ArrayLike<number>,
): Subset[] {
  if (method === 'elimination') return eliminationSets(layer, metric, counts);
  const sets =
    method === 'lasso'
      ? lassoSets(layer, metric, counts)
      : counts.map((count) => strongest(strengths, count));
  const own = channelMetric(layer, metric);
  const all = errorWith(
    own,
    Array.from({ length: own.channels }, (_, channel) => channel),
  );
  return sets.map((channels) => ({
    channels,
    error:
      own.targetVariance > 0 ? Math.max(0, errorWith(own, channels) - all) / own.targetVariance : 0,
  }));
}

/**
 * Channel sets of a layer with one group.
 * @param counts falling. @param strengths of its input channels, for `l1`.
 */
export function channelSets(
  layer: Layer,
  metric: Metric | undefined,
  counts: readonly number[],
  method: Method,
  strengths: ArrayLike<number>,
): Subset[] {
  if (metric) return setsOnData(layer, metric, counts, method, strengths);
  const energy = sliceNorms(layer, 2);
  const total = energy.reduce((sum, value) => sum + value, 0);
  return counts.map((count) => {
    const channels = strongest(method === 'l1' ? strengths : energy, count);
    const kept = channels.reduce((sum, channel) => sum + (energy[channel] as number), 0);
    return { channels, error: total > 0 ? Math.max(0, 1 - kept / total) : 0 };
  });
}
