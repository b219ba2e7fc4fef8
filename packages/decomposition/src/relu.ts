/**
 * Refits what is solved for last to what the ReLU behind the layer lets through. Each iteration is one pass over the
 * samples: responses, new targets, their moments, and a solve with the factorisation already at hand.
 * Source: Zhang et al., arXiv 1505.06798, section 3.2; the shortcut inside the ReLU is ours.
 */
import type { LayerRows } from '@decouple/calibration';
import { multiplyAdd, transposed, view } from '@decouple/linalg';
import { meanBias, type Metric } from './metric.ts';

/**
 * The target of one response under a ReLU: minimises (relu(z+s) - relu(y))² + λ(z - ŷ)² over z, where y includes the
 * shortcut s.
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

/** Factors with the bias that goes with them. */
export interface Fit<F> {
  readonly factors: F;
  readonly bias: Float64Array;
}

/** How factors follow from a cross moment R_λ `[D, O]`, and the dense kernel `[O, D]` that they stand for. */
export interface Solver<F> {
  solve(cross: Float64Array): F;
  equivalent(factors: F): Float64Array;
}

const lambdas = [0.1, 1];

/**
 * @param kernel W₀ `[O, D]`, towards which the ridge pulls.
 * @param iterations at each of λ = 0.1 and 1.
 * @returns `start` when the response does not go through a ReLU alone.
 */
export async function refineForRelu<F>(
  metric: Metric,
  kernel: ArrayLike<number>,
  rows: GroupRows,
  start: Fit<F>,
  solver: Solver<F>,
  iterations: number,
): Promise<Fit<F>> {
  if (!rows.layer.response.relu) return start;
  let fit = start;
  for (const lambda of lambdas)
    for (let iteration = 0; iteration < iterations; iteration++) {
      const current = { kernel: solver.equivalent(fit.factors), bias: fit.bias };
      const { cross, meanTarget } = await rectifiedMoments(metric, rows, current, lambda);
      for (let index = 0; index < metric.size; index++)
        for (let output = 0; output < metric.outputs; output++)
          cross[index * metric.outputs + output] =
            (cross[index * metric.outputs + output] as number) +
            metric.ridge * (kernel[output * metric.size + index] as number);
      const factors = solver.solve(cross);
      fit = { factors, bias: meanBias({ ...metric, meanTarget }, solver.equivalent(factors)) };
    }
  return fit;
}

/** Cross moments and mean of the rectified targets of the current fit. */
async function rectifiedMoments(
  metric: Metric,
  rows: GroupRows,
  fit: { readonly kernel: Float64Array; readonly bias: Float64Array },
  lambda: number,
): Promise<{ cross: Float64Array; meanTarget: Float64Array }> {
  const { size, outputs, meanPatch } = metric;
  const { layer, firstPatch, firstOutput } = rows;
  const { targets, shortcuts, outChannels, patchSize } = layer;
  const cross = new Float64Array(size * outputs);
  const sums = new Float64Array(outputs);
  await layer.visitPatches((patches, firstRow, count) => {
    const x = view(patches, patchSize, firstPatch);
    const z = new Float64Array(count * outputs);
    multiplyAdd(view(z, outputs), x, transposed(view(fit.kernel, size)), {
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
