/**
 * The closed form of network decoupling: one small singular value decomposition per channel.
 *
 *   dw-pw   M_i = W[:, i, :]  [O,k]      pw-dw   M_o = W[o, :, :]  [I,k]
 *
 * Only the right singular vectors V are needed: with the k×k Gram MᵀM = V Λ Vᵀ, the pointwise part is M·V and
 * Σ_t (M v_t) v_tᵀ = M to rounding, whatever the accuracy of Λ. λ_t is the energy of term t.
 */
import { jacobiEigen } from '@decouple/linalg';
import type { KernelSize } from '@decouple/decomposition';
import { exactTerms, type Factors, type Form } from './factors.ts';

/** All K terms of every channel, the strongest first; terms beyond K carry no energy and are left out. */
export interface Slices extends KernelSize {
  readonly form: Form;
  readonly channels: number;
  /** K. */
  readonly terms: number;
  /** Right singular vectors `[channels, K, k]`. */
  readonly vectors: Float64Array;
  /** σ² `[channels, K]`. */
  readonly energy: Float64Array;
}

/** Distance between elements of slice rows: M_channel[row, tap] = kernel[start + row·step + tap]. */
function sliceLayout(
  size: KernelSize,
  form: Form,
): { channels: number; rows: number; start: number; step: number } {
  const { inputs, outputs, taps } = size;
  return form === 'dw-pw'
    ? { channels: inputs, rows: outputs, start: taps, step: inputs * taps }
    : { channels: outputs, rows: inputs, start: inputs * taps, step: taps };
}

/** Decomposes every slice of `kernel` `[O, I, k]`. */
export function decomposeSlices(kernel: ArrayLike<number>, size: KernelSize, form: Form): Slices {
  const { channels, rows, start, step } = sliceLayout(size, form);
  const { taps } = size;
  const terms = exactTerms(size, form);
  const vectors = new Float64Array(channels * terms * taps);
  const energy = new Float64Array(channels * terms);
  const gram = new Float64Array(taps * taps);
  for (let channel = 0; channel < channels; channel++) {
    gram.fill(0);
    for (let row = 0; row < rows; row++) {
      const at = channel * start + row * step;
      for (let a = 0; a < taps; a++) {
        const left = kernel[at + a] as number;
        for (let b = 0; b <= a; b++)
          gram[a * taps + b] = (gram[a * taps + b] as number) + left * (kernel[at + b] as number);
      }
    }
    for (let a = 0; a < taps; a++)
      for (let b = 0; b < a; b++) gram[b * taps + a] = gram[a * taps + b] as number;
    const eigen = jacobiEigen(gram, taps);
    vectors.set(eigen.vectors.subarray(0, terms * taps), channel * terms * taps);
    for (let term = 0; term < terms; term++)
      energy[channel * terms + term] = Math.max(0, eigen.values[term] as number);
  }
  return { ...size, form, channels, terms, vectors, energy };
}

/** The same slices with only the first `terms` of each channel. */
export function limitTerms(slices: Slices, terms: number): Slices {
  const { channels, taps, vectors, energy } = slices;
  if (terms >= slices.terms) return slices;
  const limited = {
    ...slices,
    terms,
    vectors: new Float64Array(channels * terms * taps),
    energy: new Float64Array(channels * terms),
  };
  for (let channel = 0; channel < channels; channel++) {
    const first = channel * slices.terms;
    limited.vectors.set(
      vectors.subarray(first * taps, (first + terms) * taps),
      channel * terms * taps,
    );
    limited.energy.set(energy.subarray(first, first + terms), channel * terms);
  }
  return limited;
}

/** Which terms of which channels to keep. */
export type Keep = (channel: number, term: number) => boolean;

/** The first `terms` of every channel. */
export const firstTerms =
  (terms: number): Keep =>
  (_, term) =>
    term < terms;

/** Factors of the kept terms, with the pointwise part M·V: the best approximation when V is orthonormal. */
export function selectTerms(kernel: ArrayLike<number>, slices: Slices, keep: Keep): Factors {
  const { form, inputs, outputs, taps, channels, terms, vectors } = slices;
  const { rows, start, step } = sliceLayout(slices, form);
  const kept: [channel: number, term: number][] = [];
  for (let channel = 0; channel < channels; channel++)
    for (let term = 0; term < terms; term++) if (keep(channel, term)) kept.push([channel, term]);
  const of = Int32Array.from(kept, ([channel]) => channel);
  const depthwise = new Float64Array(kept.length * taps);
  const pointwise = new Float64Array(kept.length * rows);
  kept.forEach(([channel, term], place) => {
    const vector = vectors.subarray(
      (channel * terms + term) * taps,
      (channel * terms + term + 1) * taps,
    );
    depthwise.set(vector, place * taps);
    for (let row = 0; row < rows; row++) {
      const at = channel * start + row * step;
      let sum = 0;
      for (let tap = 0; tap < taps; tap++)
        sum += (kernel[at + tap] as number) * (vector[tap] as number);
      pointwise[place * rows + row] = sum;
    }
  });
  return { form, inputs, outputs, taps, of, depthwise, pointwise };
}

/** Mean over channels of the share of energy in the first 1, 2, … K terms; channels of zeros are left out. */
export function energyCurve(slices: Slices): number[] {
  const { channels, terms, energy } = slices;
  const curve = new Array<number>(terms).fill(0);
  let counted = 0;
  for (let channel = 0; channel < channels; channel++) {
    const own = energy.subarray(channel * terms, (channel + 1) * terms);
    const total = own.reduce((sum, value) => sum + value, 0);
    if (!(total > 0)) continue;
    counted++;
    let sum = 0;
    for (let term = 0; term < terms; term++)
      curve[term] = (curve[term] as number) + (sum += own[term] as number) / total;
  }
  return curve.map((sum) => (counted ? sum / counted : 1));
}
