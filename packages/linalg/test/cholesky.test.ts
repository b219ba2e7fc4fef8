import fc from 'fast-check';
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import {
  NotPositiveDefiniteError,
  cholesky,
  choleskyWithRidge,
  inverseFromCholesky,
  solveCholesky,
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

describe('cholesky', () => {
  it('gives L with L·Lᵀ = A and a zero upper triangle', () => {
    fc.assert(
      fc.property(sizes(150), seeds, (n, seed) => {
        const a = randomGram(n, n + 5, seed);
        const l = cholesky(a.slice(), n);
        expect(maxDifference(multiply(l, transpose(l, n), n, n), a)).toBeLessThan(1e-11);
        for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) expect(l[i * n + j]).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  it('agrees with ml-matrix', () => {
    const n = 97;
    const a = randomGram(n, 200);
    const oracle = new CholeskyDecomposition(Matrix.from1DArray(n, n, a)).lowerTriangularMatrix;
    expect(maxDifference(cholesky(a, n), oracle.to1DArray())).toBeLessThan(1e-11);
  });

  it('reads the lower triangle only', () => {
    const n = 65;
    const a = randomGram(n);
    const half = a.map((value, at) => (at % n > Math.floor(at / n) ? NaN : value));
    expect(cholesky(half, n)).toEqual(cholesky(a, n));
  });

  it('says at which row a matrix is not positive definite', () => {
    for (const bad of [0, 31, 32, 70, 99]) {
      const a = identity(100);
      a[bad * 101] = -1;
      try {
        cholesky(a, 100);
        expect.fail('should have thrown');
      } catch (error) {
        expect(error).toBeInstanceOf(NotPositiveDefiniteError);
        expect((error as NotPositiveDefiniteError).row).toBe(bad);
      }
    }
    expect(() => cholesky(new Float64Array([NaN]), 1)).toThrow(NotPositiveDefiniteError);
  });

  it('throws errors to which a place can be added', () => {
    const failed = () => cholesky(new Float64Array([-1]), 1);
    expect(failed).toThrow(/^cholesky: 1×1 matrix is not positive definite \(pivot of row 0/);
    expect(new NotPositiveDefiniteError("conv 'a': no").message).toBe("conv 'a': no");
  });
});

describe('choleskyWithRidge', () => {
  it('adds nothing to a definite matrix and leaves the input as it is', () => {
    const a = randomGram(40);
    const before = a.slice();
    const { factor, ridge } = choleskyWithRidge(a, 40);
    expect(ridge).toBe(0);
    expect(a).toEqual(before);
    expect(factor).toEqual(cholesky(before.slice(), 40));
  });

  it('raises the ridge until a rank-deficient or Hilbert matrix factors', () => {
    for (const [a, n] of [
      [randomGram(80, 20), 80],
      [hilbert(30), 30],
      [new Float64Array(25), 5],
    ] as const) {
      const { factor, ridge } = choleskyWithRidge(a, n);
      expect(ridge).toBeGreaterThan(0);
      expect(ridge).toBeLessThan(1e-9 * Math.max(1, ...a));
      const ridged = a.map((value, at) => (at % (n + 1) === 0 ? value + ridge : value));
      const product = multiply(factor, transpose(factor, n), n, n);
      expect(maxDifference(product, ridged)).toBeLessThan(1e-11);
    }
  });

  it('starts from the ridge asked for, relative to the mean of the diagonal', () => {
    const a = identity(4).map((value) => 3 * value);
    expect(choleskyWithRidge(a, 4, 1e-3).ridge).toBeCloseTo(3e-3, 15);
  });

  it('gives up on NaN', () => {
    expect(() => choleskyWithRidge(new Float64Array([NaN]), 1)).toThrow(NotPositiveDefiniteError);
  });
});

describe('solveCholesky and inverseFromCholesky', () => {
  it('solve for one and many right-hand sides', () => {
    fc.assert(
      fc.property(sizes(120), sizes(9), seeds, (n, columns, seed) => {
        const a = randomGram(n, 3 * n, seed);
        const x = randomMatrix(n * columns, seed + 1);
        const b = multiply(a, x, n, columns);
        expect(maxDifference(solveCholesky(cholesky(a, n), n, b, columns), x)).toBeLessThan(1e-8);
      }),
      { numRuns: 20 },
    );
  });

  it('has a small residual on the Hilbert matrix', () => {
    const n = 10;
    const x = solveCholesky(cholesky(hilbert(n), n), n, new Float64Array(n).fill(1));
    expect(maxDifference(multiply(hilbert(n), x, n, 1), new Float64Array(n).fill(1))).toBeLessThan(
      1e-8,
    );
  });

  it('solve for many right-hand sides at once, and invert, across the limits of blocks', () => {
    for (const [n, columns] of [
      [67, 48],
      [300, 70],
    ] as const) {
      const a = randomGram(n, 3 * n);
      const x = randomMatrix(n * columns, 2);
      const factor = cholesky(a.slice(), n);
      const solved = solveCholesky(factor, n, multiply(a, x, n, columns), columns);
      expect(maxDifference(solved, x)).toBeLessThan(1e-8);
      const inverse = inverseFromCholesky(factor, n);
      expect(maxDifference(multiply(inverse, a, n, n), identity(n))).toBeLessThan(1e-9);
    }
  });
});
