/**
 * A convolution of low rank in its outputs as numbers, for one group: d filters of the original size, and a pointwise
 * convolution that mixes their responses:
 *
 *   Ŵ[o,i,κ] = Σ_a mixing[a,o] · filters[a,i,κ]
 *
 * All methods give Ŵ = U·Uᵀ·M: a dense kernel M projected onto d orthonormal directions U of the outputs.
 * Source: Zhang et al., Accelerating Very Deep Convolutional Networks for Classification and Detection, arXiv 1505.06798.
 */
import type { KernelSize } from '@decouple/decomposition';
import { multiplyAdd, transposed, view } from '@decouple/linalg';

export interface Factors extends KernelSize {
  readonly rank: number;
  /** W' `[d, D]` */
  readonly filters: Float64Array;
  /** P transposed, `[d, O]` */
  readonly mixing: Float64Array;
}

/** A dense kernel and the directions of its outputs, the most important first. */
export interface Directions {
  /** M `[O, D]` */
  readonly kernel: Float64Array;
  /** Uᵀ `[rank, O]`, orthonormal rows. */
  readonly vectors: Float64Array;
  /** Importance of each direction: squared singular values. */
  readonly energy: Float64Array;
  /** Their sum over all directions that there are. */
  readonly total: number;
}

/** D = I·k. */
export const patchSize = ({ inputs, taps }: KernelSize): number => inputs * taps;
/** Rank that reproduces any kernel. */
export const exactRank = (size: KernelSize): number => Math.min(size.outputs, patchSize(size));

/** The first `rank` directions as factors. */
export function factorsOf(
  { kernel, vectors }: Directions,
  { inputs, outputs, taps }: KernelSize,
  rank: number,
): Factors {
  const size = inputs * taps;
  const count = Math.min(rank, vectors.length / outputs);
  const mixing = vectors.slice(0, count * outputs);
  const filters = new Float64Array(count * size);
  multiplyAdd(view(filters, size), view(mixing, outputs), view(kernel, size), {
    m: count,
    n: size,
    k: outputs,
  });
  return { inputs, outputs, taps, rank: count, filters, mixing };
}

/** The dense kernel `[O, D]` that the factors stand for: oracle, error measure and what fits compare. */
export function equivalentKernel(factors: Factors): Float64Array {
  const { outputs, rank, filters, mixing } = factors;
  const size = patchSize(factors);
  const kernel = new Float64Array(outputs * size);
  multiplyAdd(view(kernel, size), transposed(view(mixing, outputs)), view(filters, size), {
    m: outputs,
    n: size,
    k: rank,
  });
  return kernel;
}
