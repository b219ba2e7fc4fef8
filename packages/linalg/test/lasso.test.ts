import { createRandom, normals } from '@decouple/tensor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lasso, lassoOfCount } from '../src/index.ts';

/** Moments of correlated random features and a response. */
function problem(seed: number, n: number, rows = 3 * n) {
  const random = createRandom(seed);
  const x = normals(random, rows * n);
  for (let row = 0; row < rows; row++)
    for (let i = 1; i < n; i++) x[row * n + i]! += 0.5 * x[row * n + i - 1]!;
  const y = normals(random, rows);
  const gram = new Float64Array(n * n);
  const cross = new Float64Array(n);
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < n; i++) {
      cross[i]! += x[row * n + i]! * y[row]!;
      for (let j = 0; j < n; j++) gram[i * n + j]! += x[row * n + i]! * x[row * n + j]!;
    }
  return { gram, cross, n };
}

const gradientOf = ({ gram, cross, n }: ReturnType<typeof problem>, beta: Float64Array) =>
  cross.map((value, i) => value - beta.reduce((sum, b, j) => sum + gram[i * n + j]! * b, 0));

const nonZeros = (beta: Float64Array): number => beta.filter((value) => value !== 0).length;

describe('lasso', () => {
  test('of independent features is a soft threshold of each', () => {
    const gram = new Float64Array([2, 0, 0, 0, 4, 0, 0, 0, 1]);
    expect([...lasso(gram, new Float64Array([6, -3, 0.5]), 1)]).toEqual([2.5, -0.5, 0]);
  });
  test('meets the conditions of a minimum: |gradient| = λ where β ≠ 0, ≤ λ elsewhere', () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.integer({ min: 1, max: 12 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (seed, n, share) => {
          const given = problem(seed, n);
          const largest = Math.max(...given.cross.map(Math.abs));
          const beta = lasso(given.gram, given.cross, share * largest);
          gradientOf(given, beta).forEach((gradient, i) => {
            const excess =
              beta[i] === 0
                ? Math.max(0, Math.abs(gradient) - share * largest)
                : Math.abs(gradient - Math.sign(beta[i]!) * share * largest);
            expect(excess).toBeLessThan(1e-6 * largest);
          });
        },
      ),
      { numRuns: 100 },
    );
  });
  test('leaves nothing from the largest |q_i| on, and does not depend on the start', () => {
    const { gram, cross } = problem(3, 8);
    const largest = Math.max(...cross.map(Math.abs));
    expect(nonZeros(lasso(gram, cross, largest))).toBe(0);
    const start = new Float64Array(8).fill(5);
    const [a, b] = [lasso(gram, cross, largest / 4), lasso(gram, cross, largest / 4, { start })];
    a.forEach((value, i) => expect(b[i]).toBeCloseTo(value, 7));
  });
  test('features without variance get nothing', () => {
    expect([...lasso(new Float64Array([1, 0, 0, 0]), new Float64Array([1, 0]), 0)]).toEqual([1, 0]);
  });
});

describe('lassoOfCount', () => {
  test.each([1, 3, 7, 20])('%i of 20', (count) => {
    const { gram, cross } = problem(5, 20, 200);
    const { coefficients, lambda } = lassoOfCount(gram, cross, count);
    expect(nonZeros(coefficients)).toBe(count);
    expect(lambda).toBeGreaterThanOrEqual(0);
  });
  test('more than can be left gives what is there', () => {
    const gram = new Float64Array([1, 0, 0, 1]);
    const { coefficients, lambda } = lassoOfCount(gram, new Float64Array([1, 0]), 2);
    expect([...coefficients]).toEqual([1, 0]);
    expect(lambda).toBe(0);
  });
});
