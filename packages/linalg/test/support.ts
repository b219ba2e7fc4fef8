import fc from 'fast-check';
import { createRandom } from '@decouple/tensor';
import { addGram, symmetrize } from '@decouple/linalg';

/** Uniform numbers in [-1, 1). */
export function randomMatrix(size: number, seed = 1): Float64Array {
  const random = createRandom(seed);
  return Float64Array.from({ length: size }, () => 2 * random.uniform() - 1);
}

/** XᵀX of a random X `[samples, n]`. */
export function randomGram(n: number, samples = n + 5, seed = 1): Float64Array {
  const c = new Float64Array(n * n);
  addGram(c, randomMatrix(samples * n, seed), samples, n);
  symmetrize(c, n);
  return c;
}

/** 1 / (i + j + 1): the classical ill-conditioned matrix. */
export function hilbert(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => 1 / (Math.floor(at / n) + (at % n) + 1));
}

/** A·B by the obvious loops, A `[m, k]`, B `[k, n]`. */
export function multiply(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  m: number,
  n: number,
): Float64Array {
  const k = m === 0 ? 0 : a.length / m;
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let l = 0; l < k; l++)
      for (let j = 0; j < n; j++) c[i * n + j]! += a[i * k + l]! * b[l * n + j]!;
  return c;
}

export function transpose(a: Float64Array, rows: number): Float64Array {
  const columns = a.length / rows;
  return Float64Array.from(
    { length: a.length },
    (_, at) => a[(at % rows) * columns + Math.floor(at / rows)]!,
  );
}

export function identity(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));
}

export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

export const seeds = fc.integer({ min: 0, max: 1e6 });
export const sizes = (max: number) => fc.integer({ min: 1, max });
