import { describe, expect, it } from 'vitest';
import { conjugateGradient } from '@decouple/linalg';
import { maxDifference, multiply, randomGram, randomMatrix } from './support.ts';

const n = 60;
const a = randomGram(n, 4 * n).map((value, at) => (at % (n + 1) === 0 ? value + 1 : value));
const x = randomMatrix(n, 5);
const b = multiply(a, x, n, 1);
const apply = (from: Float64Array, to: Float64Array) => to.set(multiply(a, from, n, 1));

describe('conjugateGradient', () => {
  it('solves, with and without a diagonal', () => {
    const diagonal = Float64Array.from({ length: n }, (_, i) => a[i * n + i]!);
    for (const options of [{}, { diagonal }]) {
      const result = conjugateGradient(apply, b, options);
      expect(result.converged).toBe(true);
      expect(maxDifference(result.x, x)).toBeLessThan(1e-8);
    }
  });

  it('needs no round from the solution, and leaves the start alone', () => {
    const start = x.slice();
    const { iterations, converged } = conjugateGradient(apply, b, { start });
    expect([iterations, converged]).toEqual([0, true]);
    expect(start).toEqual(x);
  });

  it('says when it stopped short', () => {
    expect(conjugateGradient(apply, b, { maxIterations: 2 })).toMatchObject({
      iterations: 2,
      converged: false,
    });
    const negative = (from: Float64Array, to: Float64Array) => to.set(from.map((value) => -value));
    expect(conjugateGradient(negative, b).converged).toBe(false);
  });

  it('solves the zero right-hand side by zero', () => {
    const result = conjugateGradient(apply, new Float64Array(n));
    expect(result).toMatchObject({ iterations: 0, converged: true, x: new Float64Array(n) });
  });
});
