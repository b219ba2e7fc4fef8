/**
 * Kernels as matrices, one for each tap, so that convolutions one after the other compose by matrix products:
 *
 *   (A ∘ B)[h, w] = Σ A[h_a, w_a] · B[h_b, w_b]        with h = h_a or h_b, w = w_a or w_b
 *
 * On each axis only one of the two may have more than one tap.
 */
import { multiplyAdd, transposed, view } from '@decouple/linalg';

export interface Kernel {
  readonly outputs: number;
  readonly inputs: number;
  readonly kernel: readonly [number, number];
  /** `[kh, kw, outputs, inputs]` */
  readonly data: Float64Array;
}

const matrixAt = ({ data, inputs, outputs, kernel }: Kernel, h: number, w: number) =>
  view(data, inputs, (h * kernel[1] + w) * outputs * inputs);

const zeros = (outputs: number, inputs: number, kernel: readonly [number, number]): Kernel => ({
  outputs,
  inputs,
  kernel,
  data: new Float64Array(kernel[0] * kernel[1] * outputs * inputs),
});

/** Visits every pair of taps of two kernels and the tap of their composition. */
function forEachPair(
  a: readonly [number, number],
  b: readonly [number, number],
  visit: (a: [number, number], b: [number, number], both: [number, number]) => void,
): void {
  for (let ha = 0; ha < a[0]; ha++)
    for (let wa = 0; wa < a[1]; wa++)
      for (let hb = 0; hb < b[0]; hb++)
        for (let wb = 0; wb < b[1]; wb++) visit([ha, wa], [hb, wb], [ha + hb, wa + wb]);
}

/** `later ∘ earlier`. */
export function compose(later: Kernel, earlier: Kernel): Kernel {
  const [a, b] = [later.kernel, earlier.kernel];
  const result = zeros(later.outputs, earlier.inputs, [a[0] * b[0], a[1] * b[1]]);
  const shape = { m: later.outputs, n: earlier.inputs, k: later.inputs };
  forEachPair(a, b, (ta, tb, tap) =>
    multiplyAdd(matrixAt(result, ...tap), matrixAt(later, ...ta), matrixAt(earlier, ...tb), shape),
  );
  return result;
}

/** The gradient of a composition with respect to its later part: Σ G · earlierᵀ. */
export function adjointOfLater(
  gradient: Kernel,
  earlier: Kernel,
  kernel: readonly [number, number],
): Kernel {
  const result = zeros(gradient.outputs, earlier.outputs, kernel);
  const shape = { m: gradient.outputs, n: earlier.outputs, k: earlier.inputs };
  forEachPair(kernel, earlier.kernel, (ta, tb, tap) =>
    multiplyAdd(
      matrixAt(result, ...ta),
      matrixAt(gradient, ...tap),
      transposed(matrixAt(earlier, ...tb)),
      shape,
    ),
  );
  return result;
}

/** The gradient of a composition with respect to its earlier part: Σ laterᵀ · G. */
export function adjointOfEarlier(
  gradient: Kernel,
  later: Kernel,
  kernel: readonly [number, number],
): Kernel {
  const result = zeros(later.inputs, gradient.inputs, kernel);
  const shape = { m: later.inputs, n: gradient.inputs, k: later.outputs };
  forEachPair(later.kernel, kernel, (ta, tb, tap) =>
    multiplyAdd(
      matrixAt(result, ...tb),
      transposed(matrixAt(later, ...ta)),
      matrixAt(gradient, ...tap),
      shape,
    ),
  );
  return result;
}

/** `[outputs, inputs·taps]`, the order of patches. */
export function toRows({ outputs, inputs, kernel, data }: Kernel): Float64Array {
  const taps = kernel[0] * kernel[1];
  const rows = new Float64Array(data.length);
  for (let tap = 0, at = 0; tap < taps; tap++)
    for (let output = 0; output < outputs; output++)
      for (let input = 0; input < inputs; input++, at++)
        rows[(output * inputs + input) * taps + tap] = data[at] as number;
  return rows;
}

/** The inverse of {@link toRows}. */
export function fromRows(
  rows: ArrayLike<number>,
  outputs: number,
  inputs: number,
  kernel: readonly [number, number],
): Kernel {
  const result = zeros(outputs, inputs, kernel);
  const taps = kernel[0] * kernel[1];
  for (let tap = 0, at = 0; tap < taps; tap++)
    for (let output = 0; output < outputs; output++)
      for (let input = 0; input < inputs; input++, at++)
        result.data[at] = rows[(output * inputs + input) * taps + tap] as number;
  return result;
}

/** Weights `[O, I/g, kh, kw]` of a grouped convolution as a kernel, zero between groups. */
export function expandGroups(
  weight: ArrayLike<number>,
  outputs: number,
  perGroup: number,
  kernel: readonly [number, number],
  groups: number,
): Kernel {
  const result = zeros(outputs, perGroup * groups, kernel);
  const taps = kernel[0] * kernel[1];
  for (let output = 0; output < outputs; output++) {
    const first = Math.floor(output / (outputs / groups)) * perGroup;
    for (let input = 0; input < perGroup; input++)
      for (let tap = 0; tap < taps; tap++)
        result.data[(tap * outputs + output) * result.inputs + first + input] = weight[
          (output * perGroup + input) * taps + tap
        ] as number;
  }
  return result;
}

/** The inverse of {@link expandGroups}; what lies between groups is dropped. */
export function collapseGroups(
  { outputs, inputs, kernel, data }: Kernel,
  groups: number,
): Float64Array {
  const [taps, perGroup] = [kernel[0] * kernel[1], inputs / groups];
  const weight = new Float64Array(outputs * perGroup * taps);
  for (let output = 0; output < outputs; output++) {
    const first = Math.floor(output / (outputs / groups)) * perGroup;
    for (let input = 0; input < perGroup; input++)
      for (let tap = 0; tap < taps; tap++)
        weight[(output * perGroup + input) * taps + tap] = data[
          (tap * outputs + output) * inputs + first + input
        ] as number;
  }
  return weight;
}

/** Reads `channels` of `inputs`: a kernel of ones. */
export function selection(channels: readonly number[], inputs: number): Kernel {
  const result = zeros(channels.length, inputs, [1, 1]);
  channels.forEach((channel, output) => (result.data[output * inputs + channel] = 1));
  return result;
}

/** What a kernel reads, one output for each input and tap, in the order of patches. */
export function unit(inputs: number, kernel: readonly [number, number]): Kernel {
  const taps = kernel[0] * kernel[1];
  const result = zeros(inputs * taps, inputs, kernel);
  for (let input = 0; input < inputs; input++)
    for (let tap = 0; tap < taps; tap++)
      result.data[(tap * inputs * taps + input * taps + tap) * inputs + input] = 1;
  return result;
}
