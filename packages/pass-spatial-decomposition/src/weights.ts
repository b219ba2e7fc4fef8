/** The closed form of spatial decomposition: one truncated singular value decomposition per group. */
import { truncatedSvd } from '@decouple/linalg';
import { firstSize, matrixOf, secondSize, type Factors, type Split } from './factors.ts';

export interface Decomposed extends Factors {
  /** σ² of each rank. */
  readonly energy: Float64Array;
  /** Σ σ² of the whole kernel. */
  readonly total: number;
}

/** The best factors of a rank for a kernel `[O, D]`; singular values go into the second stage. */
export function decomposeWeights(
  kernel: ArrayLike<number>,
  split: Split,
  rank: number,
): Decomposed {
  const matrix = matrixOf(kernel, split);
  const columns = secondSize(split);
  const { values, left, right } = truncatedSvd(matrix, firstSize(split), columns, rank);
  return {
    rank: values.length,
    first: left,
    second: right.map((value, at) => value * (values[Math.floor(at / columns)] as number)),
    energy: values.map((value) => value * value),
    total: matrix.reduce((sum, value) => sum + value * value, 0),
  };
}
