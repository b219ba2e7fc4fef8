import fc from 'fast-check';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { jacobiEigen, symmetricEigen, topEigen, type Eigen } from '@decouple/linalg';
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

/** Checks A·zᵢ = λᵢ·zᵢ, orthonormal rows, falling order and signs, all relative to the size of A. */
function expectEigen(a: Float64Array, n: number, { values, vectors }: Eigen): void {
  const count = values.length;
  const scale = a.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-300);
  const scaled = vectors.map((value, at) => value * values[Math.floor(at / n)]!);
  const tolerance = 1e-13 * n * scale;
  expect(maxDifference(multiply(vectors, a, count, n), scaled)).toBeLessThan(tolerance);
  const products = multiply(vectors, transpose(vectors, count), count, count);
  expect(maxDifference(products, identity(count))).toBeLessThan(1e-12);
  expect([...values]).toEqual([...values].sort((x, y) => y - x));
  for (let i = 0; i < count; i++) {
    const row = vectors.subarray(i * n, (i + 1) * n);
    const largest = Math.max(...row.map(Math.abs));
    expect(row[row.findIndex((x) => Math.abs(x) >= largest * (1 - 1e-9))]).toBeGreaterThan(0);
  }
}

/** QᵀΛQ with given eigenvalues and the eigenvectors of some other matrix. */
function withSpectrum(values: readonly number[], seed = 3): Float64Array {
  const n = values.length;
  const { vectors } = symmetricEigen(randomGram(n, n + 5, seed), n);
  const scaled = vectors.map((value, at) => value * values[Math.floor(at / n)]!);
  const a = multiply(transpose(vectors, n), scaled, n, n);
  return a.map((value, at) => (value + a[(at % n) * n + Math.floor(at / n)]!) / 2);
}

const symmetricOf = (n: number, seed: number) => {
  const x = randomMatrix(n * n, seed);
  return x.map((value, at) => value + x[(at % n) * n + Math.floor(at / n)]!);
};

const solvers = {
  symmetricEigen,
  topEigen: (a: Float64Array, n: number) => topEigen(a, n, n),
  jacobiEigen: (a: Float64Array, n: number) => jacobiEigen(a.slice(), n),
};

describe.each(Object.entries(solvers))('%s', (name, solve) => {
  const largest = name === 'jacobiEigen' ? 40 : 100;

  it('decomposes random symmetric matrices, indefinite ones too', () => {
    fc.assert(
      fc.property(sizes(largest), seeds, (n, seed) => {
        const a = symmetricOf(n, seed);
        expectEigen(a, n, solve(a, n));
      }),
      { numRuns: 25 },
    );
  });

  it('finds known spectra: multiple, clustered, graded, deficient', () => {
    const n = 45;
    const index = Array.from({ length: n }, (_, i) => i);
    for (const spectrum of [
      index.map(() => 1),
      index.map((i) => 1 + (i % 3)),
      index.map((i) => 1 + 1e-11 * i),
      index.map((i) => 10 ** -i),
      index.map((i) => (i < 5 ? 5 - i : 0)),
      index.map((i) => (i % 2 ? 1 : -1)),
    ]) {
      const a = withSpectrum(spectrum);
      const eigen = solve(a, n);
      expectEigen(a, n, eigen);
      const expected = spectrum.slice().sort((x, y) => y - x);
      expect(maxDifference(eigen.values, expected)).toBeLessThan(1e-13 * n);
    }
  });

  it('handles diagonal, zero, tridiagonal and Hilbert matrices', () => {
    const n = 37;
    const diagonal = identity(n).map((value, at) => value * (at % 5));
    expectEigen(diagonal, n, solve(diagonal, n));
    const zero = new Float64Array(n * n);
    expectEigen(zero, n, solve(zero, n));
    expectEigen(hilbert(n), n, solve(hilbert(n), n));
    const string = Float64Array.from({ length: n * n }, (_, at) => {
      const distance = Math.abs(Math.floor(at / n) - (at % n));
      return distance === 0 ? 2 : distance === 1 ? -1 : 0;
    });
    const modes = Array.from(
      { length: n },
      (_, i) => 2 - 2 * Math.cos(((n - i) * Math.PI) / (n + 1)),
    );
    expect(maxDifference(solve(string, n).values, modes)).toBeLessThan(1e-13);
  });

  it('keeps its results apart from later calls', () => {
    const first = solve(randomGram(30), 30);
    const copy = first.vectors.slice();
    solve(randomGram(30, 40, 9), 30);
    expect(first.vectors).toEqual(copy);
  });
});

describe('symmetricEigen', () => {
  it('agrees with ml-matrix', () => {
    const n = 61;
    const a = symmetricOf(n, 5);
    const oracle = new EigenvalueDecomposition(Matrix.from1DArray(n, n, a), {
      assumeSymmetric: true,
    });
    const { values, vectors } = symmetricEigen(a, n);
    expect(maxDifference(values, oracle.realEigenvalues.reverse())).toBeLessThan(1e-11);
    const own = vectors.subarray(0, n);
    const other = oracle.eigenvectorMatrix.getColumn(n - 1);
    expect(Math.abs(multiply(own, other, 1, 1)[0]!)).toBeCloseTo(1, 12);
  });

  it('decomposes a larger matrix with a wide range of scales', () => {
    const n = 203;
    const x = randomGram(n);
    const a = x.map((v, at) => v * 10 ** (-8 * (((at % n) + Math.floor(at / n)) / n)));
    expectEigen(a, n, symmetricEigen(a, n));
  });

  it('survives entries near the ends of the number range', () => {
    const a = randomGram(40);
    for (const scale of [1e-200, 1e200]) {
      const { values } = symmetricEigen(
        a.map((value) => value * scale),
        40,
      );
      const { values: plain } = symmetricEigen(a, 40);
      expect(values[0]! / scale / plain[0]!).toBeCloseTo(1, 12);
    }
  });

  it('refuses NaN with advice', () => {
    const a = randomGram(30);
    a[0] = NaN;
    expect(() => symmetricEigen(a, 30)).toThrow(/check the matrix for NaN/);
  });
});

it.each([9, 33])('symmetricEigen and topEigen read only the lower triangle: %i', (n) => {
  const a = randomGram(n);
  const lower = a.map((value, at) => (at % n > Math.floor(at / n) ? NaN : value));
  expect(symmetricEigen(lower, n)).toEqual(symmetricEigen(a, n));
  expect(topEigen(lower, n, 3)).toEqual(topEigen(a, n, 3));
});

describe('topEigen', () => {
  it('gives the leading pairs of the full decomposition', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 21, max: 120 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        seeds,
        (n, share, seed) => {
          const count = Math.ceil(share * n);
          const a = randomGram(n, Math.ceil(0.7 * n), seed);
          const top = topEigen(a, n, count);
          expect(top.vectors.length).toBe(count * n);
          expectEigen(a, n, top);
          const full = symmetricEigen(a, n).values.slice(0, count);
          expect(maxDifference(top.values, full)).toBeLessThan(1e-12 * n);
        },
      ),
      { numRuns: 15 },
    );
  });
});
