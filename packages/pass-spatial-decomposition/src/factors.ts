/**
 * A separable convolution as numbers, for one group of I input and O output channels. The first stage has r filters
 * along one axis (k₁ taps), the second one O filters along the other (k₂ taps):
 *
 *   Ŵ[o,i,f,s] = Σ_q first[q,i,f] · second[q,s,o]
 *
 * All algebra is in terms of stages, not of axes. With the patch index (i,f,s) — that of the kernel when the first
 * stage is the vertical one, with taps transposed otherwise — the transposed kernel Ŵᵀ `[D, O]` is, number for number,
 * the matrix `[I·k₁, k₂·O]` of rank r that the stages factor.
 * Source: Jaderberg et al., Speeding up Convolutional Neural Networks with Low Rank Expansions, BMVC 2014, scheme 2.
 */
import type { Layer } from '@decouple/decomposition';
import { multiplyAdd, transposed, view } from '@decouple/linalg';

export type Order = 'vertical-first' | 'horizontal-first';

/** How one group of a kernel is split into stages. */
export interface Split {
  readonly order: Order;
  readonly inputs: number;
  readonly outputs: number;
  /** k₁ and k₂. */
  readonly firstTaps: number;
  readonly secondTaps: number;
}

export interface Factors {
  readonly rank: number;
  /** `[r, I·k₁]` */
  readonly first: Float64Array;
  /** `[r, k₂·O]` */
  readonly second: Float64Array;
}

export function splitOf({ size, group }: Layer, order: Order): Split {
  const [vertical, horizontal] = size.kernel;
  const [firstTaps, secondTaps] =
    order === 'vertical-first' ? [vertical, horizontal] : [horizontal, vertical];
  return { order, inputs: group.inputs, outputs: group.outputs, firstTaps, secondTaps };
}

/** I·k₁, rows of the matrix that is factored. */
export const firstSize = ({ inputs, firstTaps }: Split): number => inputs * firstTaps;
/** k₂·O, its columns. */
export const secondSize = ({ secondTaps, outputs }: Split): number => secondTaps * outputs;
/** D, elements of a patch. */
export const patchSize = (split: Split): number => firstSize(split) * split.secondTaps;
/** Rank that reproduces any kernel. */
export const exactRank = (split: Split): number => Math.min(firstSize(split), secondSize(split));

/** The kernel's patch index of every patch index of the split. */
export function patchOrder({ order, inputs, firstTaps, secondTaps }: Split): Int32Array {
  const taps = firstTaps * secondTaps;
  return Int32Array.from({ length: inputs * taps }, (_, at) => {
    if (order === 'vertical-first') return at;
    const [first, second] = [Math.floor((at % taps) / secondTaps), at % secondTaps];
    return Math.floor(at / taps) * taps + second * firstTaps + first;
  });
}

/** `[I·k₁, k₂·O]` of a kernel `[O, D]`. */
export function matrixOf(kernel: ArrayLike<number>, split: Split): Float64Array {
  const { outputs } = split;
  const size = patchSize(split);
  const matrix = new Float64Array(size * outputs);
  patchOrder(split).forEach((from, at) => {
    for (let output = 0; output < outputs; output++)
      matrix[at * outputs + output] = kernel[output * size + from] as number;
  });
  return matrix;
}

/** The dense kernel `[O, D]` that the factors stand for: oracle, error measure and what fits compare. */
export function equivalentKernel({ rank, first, second }: Factors, split: Split): Float64Array {
  const { outputs } = split;
  const [rows, columns, size] = [firstSize(split), secondSize(split), patchSize(split)];
  const matrix = new Float64Array(rows * columns);
  multiplyAdd(view(matrix, columns), transposed(view(first, rows)), view(second, columns), {
    m: rows,
    n: columns,
    k: rank,
  });
  const kernel = new Float64Array(outputs * size);
  patchOrder(split).forEach((to, at) => {
    for (let output = 0; output < outputs; output++)
      kernel[output * size + to] = matrix[at * outputs + output] as number;
  });
  return kernel;
}
