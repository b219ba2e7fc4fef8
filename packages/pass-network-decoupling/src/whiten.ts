/**
 * Slices in the data metric: with C_ii the k×k covariance of input channel i, the best rank-T slice of
 * M_i under ‖(M_i - M̂_i)·C_ii^{1/2}‖ is the truncated SVD of M_i·C_ii^{1/2}, mapped back by C_ii^{-1/2}.
 * It ignores correlations between channels; refits take care of those.
 */
import { jacobiEigen } from '@decouple/linalg';
import type { Metric } from '@decouple/decomposition';
import { decomposeSlices, type Slices } from './slices.ts';

/** Symmetric square root and its inverse of the `k×k` block of C at patch index `at`. */
function blockRoots(
  gram: Float64Array,
  size: number,
  at: number,
  taps: number,
): { root: Float64Array; inverse: Float64Array } {
  const block = new Float64Array(taps * taps);
  for (let a = 0; a < taps; a++)
    for (let b = 0; b < taps; b++) block[a * taps + b] = gram[(at + a) * size + at + b] as number;
  const { values, vectors } = jacobiEigen(block, taps);
  const floor = Math.max(values[0] as number, 1e-300) * 1e-12;
  const root = new Float64Array(taps * taps);
  const inverse = new Float64Array(taps * taps);
  for (let t = 0; t < taps; t++) {
    const scale = Math.sqrt(Math.max(values[t] as number, floor));
    for (let a = 0; a < taps; a++)
      for (let b = 0; b < taps; b++) {
        const outer = (vectors[t * taps + a] as number) * (vectors[t * taps + b] as number);
        root[a * taps + b] = (root[a * taps + b] as number) + outer * scale;
        inverse[a * taps + b] = (inverse[a * taps + b] as number) + outer / scale;
      }
  }
  return { root, inverse };
}

function multiplyRow(
  row: ArrayLike<number>,
  at: number,
  matrix: Float64Array,
  taps: number,
  out: Float64Array,
  place: number,
): void {
  for (let b = 0; b < taps; b++) {
    let sum = 0;
    for (let a = 0; a < taps; a++)
      sum += (row[at + a] as number) * (matrix[a * taps + b] as number);
    out[place + b] = sum;
  }
}

/** dw-pw slices of `kernel` `[O, I·k]` in the metric; depthwise kernels have unit length. */
export function whitenedSlices(metric: Metric, kernel: ArrayLike<number>): Slices {
  const { inputs, outputs, taps, size, gram } = metric;
  const white = new Float64Array(outputs * size);
  const inverses: Float64Array[] = [];
  for (let channel = 0; channel < inputs; channel++) {
    const { root, inverse } = blockRoots(gram, size, channel * taps, taps);
    inverses.push(inverse);
    for (let output = 0; output < outputs; output++) {
      const at = output * size + channel * taps;
      multiplyRow(kernel, at, root, taps, white, at);
    }
  }
  const slices = decomposeSlices(white, metric, 'dw-pw');
  const vectors = new Float64Array(slices.vectors.length);
  for (let channel = 0; channel < inputs; channel++)
    for (let term = 0; term < slices.terms; term++) {
      const at = (channel * slices.terms + term) * taps;
      multiplyRow(slices.vectors, at, inverses[channel] as Float64Array, taps, vectors, at);
      const norm = Math.hypot(...vectors.subarray(at, at + taps)) || 1;
      for (let tap = 0; tap < taps; tap++) vectors[at + tap] = (vectors[at + tap] as number) / norm;
    }
  return { ...slices, vectors };
}
