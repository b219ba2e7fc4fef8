/**
 * Refits what is solved for last to what the ReLU behind the layer lets through. What is solved for last is linear in
 * features of the patches, those of the stages before it, so samples are reduced to features once; each iteration is
 * responses, new targets, their moments, and a solve with the factorisation already at hand.
 * Source: Zhang et al., arXiv 1505.06798, section 3.2; the shortcut inside the ReLU and the features are ours.
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

/**
 * How factors follow from the cross moments of X features with the targets. A feature is a linear form of the patch; the
 * elements of the patch themselves are the features of methods that refit all of their factors.
 */
export interface Solver<F> {
  /** The features, `[X, D]`; patches as they are when left out. */
  readonly basis?: Float64Array;
  /** Factors from cross moments `[X, O]`, ridge included. */
  solve(cross: Float64Array): F;
  /** What the factors make of the features, `[O, X]`. */
  kernel(factors: F): Float64Array;
}

const lambdas = [0.1, 1];

/** Samples of the features of one group, in the order of rows. */
interface Features {
  readonly size: number;
  /** `[rows, X]` */
  readonly values: Float32Array;
  readonly mean: Float64Array;
  /** What the ridge adds to cross moments, `[X, O]`. */
  readonly pull: Float64Array;
}

/** The pull of the ridge in the features, `[X, O]`. */
function pullOf({ size, outputs, pull }: Metric, basis?: Float64Array): Float64Array {
  if (!basis) return pull;
  const count = basis.length / size;
  const result = new Float64Array(count * outputs);
  multiplyAdd(view(result, outputs), view(basis, size), view(pull, outputs), {
    m: count,
    n: outputs,
    k: size,
  });
  return result;
}

async function sampleFeatures(
  metric: Metric,
  { layer, firstPatch }: GroupRows,
  basis: Float64Array | undefined,
): Promise<Features> {
  const size = basis ? basis.length / metric.size : metric.size;
  const values = new Float32Array(layer.rows * size);
  await layer.visitPatches((patches, firstRow, count) => {
    const own = view(patches, layer.patchSize, firstPatch);
    const block = new Float64Array(count * size);
    if (basis)
      multiplyAdd(view(block, size), own, transposed(view(basis, metric.size)), {
        m: count,
        n: size,
        k: metric.size,
        single: true,
      });
    else
      for (let row = 0; row < count; row++) {
        const from = row * layer.patchSize + firstPatch;
        block.set(patches.subarray(from, from + size), row * size);
      }
    values.set(block, firstRow * size);
  });
  const mean = new Float64Array(size);
  for (let at = 0; at < values.length; at++)
    mean[at % size] = (mean[at % size] as number) + (values[at] as number);
  return {
    size,
    values,
    mean: mean.map((sum) => sum / layer.rows),
    pull: pullOf(metric, basis),
  };
}

/**
 * @param iterations at each of λ = 0.1 and 1.
 * @returns `start` when the response does not go through a ReLU alone.
 */
export async function refineForRelu<F>(
  metric: Metric,
  rows: GroupRows,
  start: Fit<F>,
  solver: Solver<F>,
  iterations: number,
): Promise<Fit<F>> {
  if (!rows.layer.response.relu) return start;
  const features = await sampleFeatures(metric, rows, solver.basis);
  const { size, mean } = features;
  const { outputs } = metric;
  let fit = start;
  for (const lambda of lambdas)
    for (let iteration = 0; iteration < iterations; iteration++) {
      const current = { kernel: solver.kernel(fit.factors), bias: fit.bias };
      const { cross, meanTarget } = rectifiedMoments(features, rows, current, outputs, lambda);
      const factors = solver.solve(cross);
      fit = {
        factors,
        bias: meanBias({ size, outputs, meanPatch: mean, meanTarget }, solver.kernel(factors)),
      };
    }
  return fit;
}

/** Rows that are worked on at a time. */
const blockRows = 4096;

/** Cross moments, ridge included, and mean of the rectified targets of the current fit; as exact as the samples. */
function rectifiedMoments(
  { size, values, mean, pull }: Features,
  { layer, firstOutput }: GroupRows,
  fit: { readonly kernel: Float64Array; readonly bias: Float64Array },
  outputs: number,
  lambda: number,
): { cross: Float64Array; meanTarget: Float64Array } {
  const { rows, targets, shortcuts, outChannels } = layer;
  const cross = new Float64Array(size * outputs);
  const sums = new Float64Array(outputs);
  const kernel = new Float32Array(fit.kernel);
  const responses = new Float64Array(Math.min(blockRows, rows) * outputs);
  const rectified = new Float32Array(responses.length);
  for (let firstRow = 0; firstRow < rows; firstRow += blockRows) {
    const count = Math.min(blockRows, rows - firstRow);
    const x = view(values, size, firstRow * size);
    const z = responses.fill(0).subarray(0, count * outputs);
    multiplyAdd(view(z, outputs), x, transposed(view(kernel, size)), {
      m: count,
      n: outputs,
      k: size,
      single: true,
    });
    for (let row = 0; row < count; row++)
      for (let output = 0; output < outputs; output++) {
        const at = (firstRow + row) * outChannels + firstOutput + output;
        const fitted = (z[row * outputs + output] as number) + (fit.bias[output] as number);
        const value = rectifiedTarget(targets[at] as number, fitted, shortcuts?.[at] ?? 0, lambda);
        rectified[row * outputs + output] = value;
        sums[output] = (sums[output] as number) + value;
      }
    multiplyAdd(view(cross, outputs), transposed(x), view(rectified, outputs), {
      m: size,
      n: outputs,
      k: count,
      single: true,
    });
  }
  const meanTarget = sums.map((sum) => sum / rows);
  for (let index = 0; index < size; index++)
    for (let output = 0; output < outputs; output++) {
      const at = index * outputs + output;
      const centred =
        (cross[at] as number) / rows - (mean[index] as number) * (meanTarget[output] as number);
      cross[at] = centred + (pull[at] as number);
    }
  return { cross, meanTarget };
}
