/**
 * Streaming moments of a convolution's samples, all that closed-form fits need:
 *
 *   μ_p, μ_y   means            C = Σ (p-μ_p)(p-μ_p)ᵀ / N   [D, D]
 *   R = Σ (p-μ_p)(y-μ_y)ᵀ / N   [D, O]      var = Σ_o Σ (y_o-μ_o)² / N
 *
 * For grouped convolutions there is one block per group. Sums are float64, in wide layers over blocks of rows whose own
 * sums are float32; each block of rows is shifted by the first block's mean before it is multiplied, so that no digits
 * are lost to large means.
 * Memory is D² doubles per group, independent of the number of samples.
 */
import { multiplyAdd, transposed, view } from '@decouple/linalg';
import type { LayerRows } from './layer-samples.ts';

/** Elements of a patch from which on products are most of the work, and float32 halves it. */
const wideLayer = 1024;

/** Moments of one group of channels. */
export interface Moments {
  readonly rows: number;
  /** D, elements of a patch. */
  readonly size: number;
  readonly outputs: number;
  readonly meanPatch: Float64Array;
  readonly meanTarget: Float64Array;
  /** C, `[size, size]`, symmetric. */
  readonly covariance: Float64Array;
  /** R, `[size, outputs]`. */
  readonly cross: Float64Array;
  /** Total variance of the targets. */
  readonly targetVariance: number;
}

function columnMeans(data: Float32Array, rows: number, columns: number): Float64Array {
  const mean = new Float64Array(columns);
  for (let row = 0, at = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, at++)
      mean[column] = (mean[column] as number) + (data[at] as number);
  return mean.map((sum) => sum / Math.max(rows, 1));
}

/** Fills the upper triangle from the lower one. */
function mirror(matrix: Float64Array, size: number): void {
  for (let row = 1; row < size; row++)
    for (let column = 0; column < row; column++)
      matrix[column * size + row] = matrix[row * size + column] as number;
}

/** Moments of `rows`, one per group. */
export async function momentsOf(layer: LayerRows, groups = 1): Promise<Moments[]> {
  const { rows, patchSize, outChannels, targets } = layer;
  const [size, outputs] = [patchSize / groups, outChannels / groups];
  const meanTarget = columnMeans(targets, rows, outChannels);
  const centred = new Float32Array(targets.length);
  let variance = new Float64Array(groups);
  for (let row = 0, at = 0; row < rows; row++)
    for (let column = 0; column < outChannels; column++, at++) {
      const value = (targets[at] as number) - (meanTarget[column] as number);
      centred[at] = value;
      const group = Math.floor(column / outputs);
      variance[group] = (variance[group] as number) + value * value;
    }
  variance = variance.map((sum) => sum / rows);
  const covariances = Array.from({ length: groups }, () => new Float64Array(size * size));
  const crosses = Array.from({ length: groups }, () => new Float64Array(size * outputs));
  const single = size >= wideLayer;
  const sums = new Float64Array(patchSize);
  let shift: Float64Array | undefined;
  await layer.visitPatches((patches, firstRow, count) => {
    shift ??= columnMeans(patches, count, patchSize);
    for (let row = 0, at = 0; row < count; row++)
      for (let column = 0; column < patchSize; column++, at++) {
        const value = (patches[at] as number) - (shift[column] as number);
        patches[at] = value;
        sums[column] = (sums[column] as number) + value;
      }
    for (let group = 0; group < groups; group++) {
      const x = view(patches, patchSize, group * size);
      const y = view(centred, outChannels, firstRow * outChannels + group * outputs);
      multiplyAdd(view(covariances[group] as Float64Array, size), transposed(x), x, {
        m: size,
        n: size,
        k: count,
        lower: true,
        single,
      });
      multiplyAdd(view(crosses[group] as Float64Array, outputs), transposed(x), y, {
        m: size,
        n: outputs,
        k: count,
        single,
      });
    }
  });
  const offsets = sums.map((sum) => sum / rows);
  const meanPatch = offsets.map((offset, index) => offset + (shift?.[index] ?? 0));
  return covariances.map((covariance, group) => {
    const offset = offsets.subarray(group * size, (group + 1) * size);
    for (let i = 0; i < size; i++)
      for (let j = 0; j <= i; j++)
        covariance[i * size + j] =
          (covariance[i * size + j] as number) / rows -
          (offset[i] as number) * (offset[j] as number);
    mirror(covariance, size);
    return {
      rows,
      size,
      outputs,
      meanPatch: meanPatch.slice(group * size, (group + 1) * size),
      meanTarget: meanTarget.slice(group * outputs, (group + 1) * outputs),
      covariance,
      cross: (crosses[group] as Float64Array).map((sum) => sum / rows),
      targetVariance: variance[group] as number,
    };
  });
}
