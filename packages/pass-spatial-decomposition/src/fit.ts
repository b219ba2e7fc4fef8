/**
 * Least-squares fits of the stages in the data metric. With C the Gram and R the cross moment in the split's patch
 * order, whose rows (n,s) are an element n of the first stage's filters and a tap s of the second stage:
 *
 *   features   T[(q,s), :] = Σ_n V[q,n] · C[(n,s), :]
 *   second     G[(q,s),(q',s')] = Σ_n T[(q,s),(n,s')] V[q',n];   H = G⁻¹ · V·R                          one Cholesky
 *   first      Σ_{q',s,s'} Q[(q,s'),(q',s)] T[(q',s),(n,s')] = Σ_{s',o} H[q,s',o] R[(n,s'),o],  Q = H·Hᵀ   conjugate gradients
 *
 * (V = first, H = second.) Features are ordered by q, so one factorisation holds the errors of all smaller ranks.
 */
import type { Metric, Solver } from '@decouple/decomposition';
import {
  choleskyWithRidge,
  conjugateGradient,
  multiplyAdd,
  solveCholesky,
  solveLower,
  transposed,
  transposedCopy,
  truncatedSvd,
  view,
} from '@decouple/linalg';
import { firstSize, matrixOf, patchOrder, patchSize, secondSize } from './factors.ts';
import type { Factors, Split } from './factors.ts';

/** The metric in the patch order of a split. */
export interface SplitMetric {
  readonly split: Split;
  /** `[D, D]` */
  readonly gram: Float64Array;
  /** `[D, O]` */
  readonly cross: Float64Array;
}

/** Rows of a matrix in the patch order of a split. */
function orderRows(matrix: Float64Array, columns: number, split: Split): Float64Array {
  if (split.order === 'vertical-first') return matrix;
  const ordered = new Float64Array(matrix.length);
  patchOrder(split).forEach((from, at) =>
    ordered.set(matrix.subarray(from * columns, (from + 1) * columns), at * columns),
  );
  return ordered;
}

/** Copies the Gram only if the order of taps asks for it. */
export function splitMetric({ gram, cross, size, outputs }: Metric, split: Split): SplitMetric {
  const ordered = orderRows(gram, size, split);
  if (ordered !== gram) {
    const order = patchOrder(split);
    const row = new Float64Array(size);
    for (let first = 0; first < ordered.length; first += size) {
      row.set(ordered.subarray(first, first + size));
      for (let at = 0; at < size; at++) ordered[first + at] = row[order[at] as number] as number;
    }
  }
  return { split, gram: ordered, cross: orderRows(cross, outputs, split) };
}

/** T `[r·k₂, D]`: first-stage filters times Gram. */
function featureRows({ gram, split }: SplitMetric, first: Float64Array, rank: number) {
  const rows = firstSize(split);
  const columns = split.secondTaps * patchSize(split);
  const result = new Float64Array(rank * columns);
  multiplyAdd(view(result, columns), view(first, rows), view(gram, columns), {
    m: rank,
    n: columns,
    k: rows,
  });
  return result;
}

/** G `[r·k₂, r·k₂]`, the Gram of the first stage's responses under all taps of the second. */
function featureGram(metric: SplitMetric, first: Float64Array, rank: number): Float64Array {
  const { split } = metric;
  const { secondTaps } = split;
  const [rows, size, features] = [firstSize(split), patchSize(split), rank * secondTaps];
  const products = featureRows(metric, first, rank);
  const gram = new Float64Array(features * features);
  for (let tap = 0; tap < secondTaps; tap++)
    multiplyAdd(
      { data: gram, offset: tap, rowStride: features, columnStride: secondTaps },
      { data: products, offset: tap, rowStride: size, columnStride: secondTaps },
      transposed(view(first, rows)),
      { m: features, n: rank, k: rows },
    );
  return gram;
}

/** V·R as `[r·k₂, O]`. */
function featureCross(cross: Float64Array, split: Split, first: Float64Array, rank: number) {
  const [rows, columns] = [firstSize(split), secondSize(split)];
  const result = new Float64Array(rank * columns);
  multiplyAdd(view(result, columns), view(first, rows), view(cross, columns), {
    m: rank,
    n: columns,
    k: rows,
  });
  return result;
}

/** Solves for the second stage with the first one fixed; the factorisation serves many cross moments. */
export function secondSolver(
  metric: SplitMetric,
  first: Float64Array,
): (cross: Float64Array) => Factors {
  const { split } = metric;
  const rank = first.length / firstSize(split);
  const features = rank * split.secondTaps;
  const { factor } = choleskyWithRidge(featureGram(metric, first, rank), features);
  return (cross) => {
    const second = featureCross(cross, split, first, rank);
    return { rank, first, second: solveCholesky(factor, features, second, split.outputs) };
  };
}

/** The second stage under the first stage's responses at each of its taps, as features of patches. */
export function outputSolver(metric: SplitMetric, factors: Factors): Solver<Factors> {
  const { split } = metric;
  const { rank, first } = factors;
  const { secondTaps, outputs } = split;
  const [rows, size, features] = [firstSize(split), patchSize(split), rank * secondTaps];
  const { factor } = choleskyWithRidge(featureGram(metric, first, rank), features);
  const order = patchOrder(split);
  const basis = new Float64Array(features * size);
  for (let feature = 0; feature < features; feature++) {
    const [filter, tap] = [Math.floor(feature / secondTaps), feature % secondTaps];
    for (let row = 0; row < rows; row++)
      basis[feature * size + (order[row * secondTaps + tap] as number)] = first[
        filter * rows + row
      ] as number;
  }
  return {
    basis,
    solve: (cross) => ({ ...factors, second: solveCholesky(factor, features, cross, outputs) }),
    kernel: ({ second }) => transposedCopy(second, features, outputs),
  };
}

/** What each filter of the first stage adds to the explained power, the second stage refitted to those before it. */
export function explainedPerRank(metric: SplitMetric, first: Float64Array): Float64Array {
  const { split, cross } = metric;
  const { outputs, secondTaps } = split;
  const rank = first.length / firstSize(split);
  const features = rank * secondTaps;
  const { factor } = choleskyWithRidge(featureGram(metric, first, rank), features);
  const whitened = featureCross(cross, split, first, rank);
  solveLower(view(factor, features), view(whitened, outputs), features, outputs);
  const perRank = secondTaps * outputs;
  return Float64Array.from({ length: rank }, (_, q) =>
    whitened
      .subarray(q * perRank, (q + 1) * perRank)
      .reduce((sum, value) => sum + value * value, 0),
  );
}

/**
 * Refits the first stage with the second one fixed, by a few conjugate gradient steps from the current one. Its filters
 * get unit length; the product of the stages stays.
 */
export function refitFirst(metric: SplitMetric, factors: Factors, steps: number): Factors {
  const { split, gram, cross } = metric;
  const { rank, first, second } = factors;
  const { secondTaps, outputs } = split;
  const [rows, size, features] = [firstSize(split), patchSize(split), rank * secondTaps];
  const h = view(second, outputs);
  const q = new Float64Array(features * features);
  multiplyAdd(view(q, features), h, transposed(h), { m: features, n: features, k: outputs });
  const columns = secondSize(split);
  const target = new Float64Array(rank * rows);
  multiplyAdd(view(target, rows), view(second, columns), transposed(view(cross, columns)), {
    m: rank,
    n: rows,
    k: columns,
  });
  const apply = (v: Float64Array, result: Float64Array): void => {
    const products = featureRows(metric, v, rank);
    result.fill(0);
    for (let tap = 0; tap < secondTaps; tap++)
      multiplyAdd(
        view(result, rows),
        view(q, secondTaps * features, tap * features),
        { data: products, offset: tap, rowStride: size, columnStride: secondTaps },
        { m: rank, n: rows, k: features },
      );
  };
  const { x } = conjugateGradient(apply, target, {
    start: first,
    maxIterations: steps,
    tolerance: 1e-8,
    diagonal: diagonalOf(q, gram, split, rank),
  });
  const norms = normalizeRows(x, rows);
  const scaled = second.map((value, at) => value * (norms[Math.floor(at / columns)] as number));
  return { rank, first: x, second: scaled };
}

/** Diagonal of the operator that fits of the first stage invert. */
function diagonalOf(q: Float64Array, gram: Float64Array, split: Split, rank: number): Float64Array {
  const { secondTaps } = split;
  const [rows, size, features] = [firstSize(split), patchSize(split), rank * secondTaps];
  const diagonal = new Float64Array(rank * rows);
  for (let filter = 0; filter < rank; filter++)
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let a = 0; a < secondTaps; a++)
        for (let b = 0; b < secondTaps; b++)
          sum +=
            (q[(filter * secondTaps + a) * features + filter * secondTaps + b] as number) *
            (gram[(row * secondTaps + a) * size + row * secondTaps + b] as number);
      diagonal[filter * rows + row] = Math.max(sum, 1e-300);
    }
  return diagonal;
}

/** Gives rows unit length, in place, and returns their lengths; rows of zeros stay. */
function normalizeRows(matrix: Float64Array, columns: number): Float64Array {
  const norms = new Float64Array(matrix.length / columns);
  for (let at = 0; at < matrix.length; at += columns) {
    const row = matrix.subarray(at, at + columns);
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    norms[at / columns] = norm;
    if (norm > 0) row.forEach((value, index) => (row[index] = value / norm));
  }
  return norms;
}

export interface Start {
  /** `[r, I·k₁]`, filters of unit length, the most important first. */
  readonly first: Float64Array;
  /** σ² of all that were asked for. */
  readonly energy: Float64Array;
  /** Σ σ² of all that there are. */
  readonly total: number;
}

/**
 * First-stage filters of a kernel in the data metric, as if C were A ⊗ I with A the mean over the second stage's
 * taps: with A = L·Lᵀ the best matrix of rank r is L⁻ᵀ times the truncated decomposition of Lᵀ·M = Σ σ·u·zᵀ, whose
 * first stage spans M·z.
 */
export function startFromMetric(
  metric: SplitMetric,
  kernel: ArrayLike<number>,
  rank: number,
): Start {
  const { split, gram } = metric;
  const { secondTaps } = split;
  const [rows, columns, size] = [firstSize(split), secondSize(split), patchSize(split)];
  const mean = new Float64Array(rows * rows);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < rows; column++) {
      let sum = 0;
      for (let tap = 0; tap < secondTaps; tap++)
        sum += gram[(row * secondTaps + tap) * size + column * secondTaps + tap] as number;
      mean[row * rows + column] = sum / secondTaps;
    }
  const { factor } = choleskyWithRidge(mean, rows);
  const matrix = matrixOf(kernel, split);
  const whitened = new Float64Array(matrix.length);
  multiplyAdd(view(whitened, columns), transposed(view(factor, rows)), view(matrix, columns), {
    m: rows,
    n: columns,
    k: rows,
  });
  const { values, right } = truncatedSvd(whitened, rows, columns, rank);
  const first = new Float64Array(values.length * rows);
  multiplyAdd(view(first, rows), view(right, columns), transposed(view(matrix, columns)), {
    m: values.length,
    n: rows,
    k: columns,
  });
  normalizeRows(first, rows);
  return {
    first,
    energy: values.map((value) => value * value),
    total: whitened.reduce((sum, value) => sum + value * value, 0),
  };
}
