/**
 * The dense algebra that full-size layers ask for, on one core:
 *
 *   npm run bench:linalg
 */
import {
  addGram,
  cholesky,
  gemm,
  inverseFromCholesky,
  solveCholesky,
  symmetrize,
  topEigen,
} from '@decouple/linalg';
import { createRandom, normals } from '@decouple/tensor';

/** Covariance `[n, n]` of `2n` samples whose variances fall along the axes. */
function covariance(n: number): Float64Array {
  const rows = 2 * n;
  const x = normals(createRandom(1), rows * n);
  x.forEach((value, at) => (x[at] = value / Math.sqrt(1 + (at % n))));
  const c = new Float64Array(n * n);
  addGram(c, x, rows, n);
  symmetrize(c, n);
  for (let i = 0; i < n; i++) c[i * n + i] = (c[i * n + i] as number) + 1e-3 * rows;
  return c;
}

/** Seconds of one run, and what is counted in it: multiply-adds, where there is a formula. */
function time(what: string, run: () => void, multiplications?: number): void {
  const start = performance.now();
  run();
  const seconds = (performance.now() - start) / 1000;
  const rate = multiplications ? `  ${(multiplications / seconds / 1e9).toFixed(2)} G/s` : '';
  console.log(`${what.padEnd(64)} ${seconds.toFixed(2).padStart(7)} s${rate}`);
}

const small = covariance(1536);
const large = covariance(4608);
const targets = new Float64Array(normals(createRandom(2), 4608 * 512));

time(
  'product of 1536×1536 matrices',
  () => gemm({ m: 1536, n: 1536, k: 1536, a: small, b: small }),
  1536 ** 3,
);
time('top 512 eigenpairs of a 1536×1536 covariance', () => topEigen(small, 1536, 512));
const factor = large.slice();
time('Cholesky factor of a 4608×4608 covariance', () => cholesky(factor, 4608), 4608 ** 3 / 6);
time(
  'its solve with 512 right-hand sides',
  () => solveCholesky(factor, 4608, targets, 512),
  4608 ** 2 * 512,
);
const gram = new Float64Array(4608 ** 2);
const samples = normals(createRandom(3), 4608 * 4608);
time(
  'Gram of 4608 samples of 4608 elements',
  () => addGram(gram, samples, 4608, 4608),
  4608 ** 3 / 2,
);
const middle = covariance(3072);
time(
  'inverse of a 3072×3072 covariance',
  () => inverseFromCholesky(cholesky(middle, 3072), 3072),
  3072 ** 3 / 2,
);
