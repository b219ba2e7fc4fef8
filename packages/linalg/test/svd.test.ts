import fc from 'fast-check';
import { SingularValueDecomposition, Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import {
  reducedRankRegression,
  reducedRankSolver,
  symmetricEigen,
  truncatedSvd,
  type Svd,
} from '@decouple/linalg';
import {
  hilbert,
  identity,
  maxDifference,
  multiply,
  randomGram,
  randomMatrix,
  seeds,
  sizes,
  transpose,
} from './support.ts';

const sumOfSquares = (a: Float64Array): number => a.reduce((sum, x) => sum + x * x, 0);

/** Σ σₜ·uₜ·vₜᵀ. */
function product({ values, left, right }: Svd, m: number, n: number): Float64Array {
  const scaled = left.map((value, at) => value * values[Math.floor(at / m)]!);
  return multiply(transpose(scaled, values.length), right, m, n);
}

/** A `[m, n]` with given singular values. */
function withValues(values: readonly number[], m: number, n: number): Float64Array {
  const left = symmetricEigen(randomGram(m, m + 5, 7), m).vectors;
  const right = symmetricEigen(randomGram(n, n + 5, 8), n).vectors;
  const a = new Float64Array(m * n);
  values.forEach((value, t) => {
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) a[i * n + j]! += value * left[t * m + i]! * right[t * n + j]!;
  });
  return a;
}

describe('truncatedSvd', () => {
  it('rebuilds random matrices, with orthonormal vectors and the values of ml-matrix', () => {
    fc.assert(
      fc.property(sizes(60), sizes(60), seeds, (m, n, seed) => {
        const a = randomMatrix(m * n, seed);
        const svd = truncatedSvd(a, m, n);
        const rank = Math.min(m, n);
        expect(maxDifference(product(svd, m, n), a)).toBeLessThan(1e-12 * (m + n));
        const oracle = new SingularValueDecomposition(Matrix.from1DArray(m, n, a), {
          autoTranspose: true,
        });
        expect(maxDifference(svd.values, oracle.diagonal)).toBeLessThan(1e-8);
        const short = m > n ? svd.right : svd.left;
        const gram = multiply(short, transpose(short, rank), rank, rank);
        expect(maxDifference(gram, identity(rank))).toBeLessThan(1e-12);
      }),
      { numRuns: 30 },
    );
  });

  it('leaves out exactly the tail of the spectrum', () => {
    fc.assert(
      fc.property(sizes(40), sizes(40), sizes(40), seeds, (m, n, rank, seed) => {
        const a = randomMatrix(m * n, seed);
        const { values } = truncatedSvd(a, m, n);
        const rest = a.slice();
        product(truncatedSvd(a, m, n, rank), m, n).forEach((value, at) => (rest[at]! -= value));
        const tail = sumOfSquares(values.slice(rank));
        expect(Math.abs(sumOfSquares(rest) - tail)).toBeLessThan(1e-11 * sumOfSquares(a));
      }),
      { numRuns: 30 },
    );
  });

  it('finds known spectra: multiple, graded, deficient', () => {
    for (const [m, n] of [
      [30, 45],
      [45, 30],
    ] as const)
      for (const spectrum of [
        Array.from({ length: 30 }, () => 2),
        Array.from({ length: 30 }, (_, t) => 2 ** -t),
        Array.from({ length: 30 }, (_, t) => (t < 6 ? 6 - t : 0)),
        Array.from({ length: 30 }, () => 0),
      ]) {
        const a = withValues(spectrum, m, n);
        const svd = truncatedSvd(a, m, n);
        expect(maxDifference(svd.values, spectrum)).toBeLessThan(1e-7);
        expect(maxDifference(product(svd, m, n), a)).toBeLessThan(1e-13);
        for (const list of [svd.values, svd.left, svd.right])
          expect(list.every(Number.isFinite)).toBe(true);
      }
  });

  it('rebuilds ill-conditioned matrices to rounding', () => {
    const n = 24;
    expect(maxDifference(product(truncatedSvd(hilbert(n), n, n), n, n), hilbert(n))).toBeLessThan(
      1e-14,
    );
  });

  it('fixes signs: the largest entry of each left vector is positive', () => {
    for (const [m, n] of [
      [9, 25],
      [25, 9],
    ] as const) {
      const a = randomMatrix(m * n, 3);
      const { left } = truncatedSvd(a, m, n);
      for (let t = 0; t < 9; t++) {
        const row = left.subarray(t * m, (t + 1) * m);
        const largest = Math.max(...row.map(Math.abs));
        expect(Math.max(...row)).toBe(largest);
      }
      expect(
        truncatedSvd(
          a.map((value) => -value),
          m,
          n,
        ).left,
      ).toEqual(left);
    }
  });
});

describe('reducedRankRegression', () => {
  const [size, outputs] = [12, 8];
  const gram = randomGram(size);
  const cross = randomMatrix(size * outputs, 4);
  /** tr(B·C·Bᵀ) - 2·tr(B·R), what the error is up to a constant. */
  const objective = (b: Float64Array): number => {
    const bc = multiply(b, gram, outputs, size);
    const br = multiply(b, cross, outputs, outputs);
    let sum = 0;
    for (let at = 0; at < b.length; at++) sum += b[at]! * bc[at]!;
    for (let output = 0; output < outputs; output++) sum -= 2 * br[output * outputs + output]!;
    return sum;
  };
  const truncated = (rank: number): Float64Array => {
    const { directions, coefficients } = reducedRankRegression(gram, size, cross, outputs, rank);
    const inner = multiply(directions, coefficients, rank, size);
    return multiply(transpose(directions, rank), inner, outputs, size);
  };

  it('explains what its values say, at every rank', () => {
    const { values } = reducedRankRegression(gram, size, cross, outputs);
    for (let rank = 1; rank <= outputs; rank++) {
      const explained = values.slice(0, rank).reduce((a, b) => a + b, 0);
      expect(objective(truncated(rank)) / explained).toBeCloseTo(-1, 10);
    }
  });

  it('is never beaten by another map of the same rank', () => {
    const best = objective(truncated(3));
    fc.assert(
      fc.property(seeds, fc.constantFrom(1e-3, 0.1, 1), (seed, step) => {
        const left = randomMatrix(outputs * 3, seed).map((value) => value * step);
        const { directions, coefficients } = reducedRankRegression(gram, size, cross, outputs, 3);
        const moved = transpose(directions, 3).map((value, at) => value + left[at]!);
        const inner = multiply(directions, coefficients, 3, size).map(
          (value, at) => value + step * randomMatrix(3 * size, seed + 1)[at]!,
        );
        expect(objective(multiply(moved, inner, outputs, size))).toBeGreaterThanOrEqual(best);
      }),
      { numRuns: 50 },
    );
  });

  it('copes with a singular covariance and more outputs than inputs', () => {
    const few = randomGram(6, 3, 2); // rank 3
    const b = randomMatrix(9 * 6, 5);
    const responses = multiply(few, transpose(b, 9), 6, 9);
    const solve = reducedRankSolver(few, 6);
    const { values, directions, coefficients } = solve(responses, 9);
    expect(values.length).toBe(6);
    expect([...directions, ...coefficients].every(Number.isFinite)).toBe(true);
    expect(values.slice(3).every((value) => value < 1e-6 * values[0]!)).toBe(true);
  });
});
