import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nonNegativeLeastSquares } from '@decouple/linalg';

/** Q = XᵀX and q = Xᵀy. */
function moments(rows: readonly number[][], y: readonly number[]) {
  const n = rows[0]?.length ?? 0;
  const gram = new Float64Array(n * n);
  const cross = new Float64Array(n);
  rows.forEach((row, index) => {
    for (let i = 0; i < n; i++) {
      cross[i] = (cross[i] as number) + (row[i] as number) * (y[index] as number);
      for (let j = 0; j < n; j++)
        gram[i * n + j] = (gram[i * n + j] as number) + (row[i] as number) * (row[j] as number);
    }
  });
  return { gram, cross };
}

test('finds coefficients that are there, and zeros where negative ones would be', () => {
  const rows = [
    [1, 0, 2],
    [0, 1, 1],
    [3, 1, 0],
    [1, 1, 1],
  ];
  const y = rows.map(([a = 0, b = 0]) => 2 * a + 3 * b);
  const { gram, cross } = moments(rows, y);
  expect(
    [...nonNegativeLeastSquares(gram, cross)].map((value) => Number(value.toFixed(6))),
  ).toEqual([2, 3, 0]);
  const negative = moments([[1], [2]], [-1, -2]);
  expect([...nonNegativeLeastSquares(negative.gram, negative.cross)]).toEqual([0]);
});

test('meets the conditions of Karush, Kuhn and Tucker', () => {
  const value = fc.double({ min: -2, max: 2, noNaN: true });
  const row = fc.array(value, { minLength: 4, maxLength: 4 });
  const problem = fc.array(fc.tuple(row, value), { minLength: 6, maxLength: 12 });
  fc.assert(
    fc.property(problem, (pairs) => {
      const { gram, cross } = moments(
        // A little of the identity keeps the problem well posed.
        [
          ...pairs.map(([x]) => x),
          ...[0, 1, 2, 3].map((at) => [0, 1, 2, 3].map((i) => Number(i === at))),
        ],
        [...pairs.map(([, y]) => y), 0, 0, 0, 0],
      );
      const beta = nonNegativeLeastSquares(gram, cross);
      beta.forEach((value, i) => {
        const gradient =
          beta.reduce((sum, other, j) => sum + (gram[i * 4 + j] as number) * other, 0) -
          (cross[i] as number);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(gradient).toBeGreaterThan(-1e-6);
        expect(Math.abs(value * gradient)).toBeLessThan(1e-6);
      });
    }),
  );
});
