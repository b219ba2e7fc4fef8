/**
 * Reduction of a symmetric matrix to tridiagonal form by Householder reflections, and the way back.
 *
 *   T = H₁…Hₙ₋₁ · A · Hₙ₋₁…H₁,   Hₖ = I − τₖ·vₖ·vₖᵀ,   vₖ zero from element k on
 *
 * Rows are eliminated from the last to the first, so that only the lower triangle is read, along its
 * rows. Reflections are gathered in blocks: within a block each new one needs A·v (half of the work,
 * plain loops bound by memory), the rest of the matrix gets the whole block at once, as the product
 * A − VᵀW − WᵀV. (Dongarra, Sorensen and Hammarling 1989; LAPACK `dsytrd`)
 */
import { multiplyAdd, transposed, view } from './multiply.ts';
import { addScaled, dot } from './vectors.ts';

export interface Tridiagonal {
  readonly n: number;
  /** Diagonal of T. */
  readonly diagonal: Float64Array;
  /** `offDiagonal[k]` couples k − 1 and k; element 0 is zero. */
  readonly offDiagonal: Float64Array;
  /** vₖ in the first k elements of row k. */
  readonly reflectors: Float64Array;
  /** τₖ; zero where no reflection was needed. */
  readonly scales: Float64Array;
}

const reduceBlock = 32;
const applyBlock = 64;

/** Reduces A `[n, n]`, of which it reads the lower triangle and overwrites all of it. */
export function tridiagonalize(a: Float64Array, n: number): Tridiagonal {
  const result: Tridiagonal = {
    n,
    diagonal: new Float64Array(n),
    offDiagonal: new Float64Array(n),
    reflectors: a,
    scales: new Float64Array(n),
  };
  for (let last = n - 1; last > 0; last -= reduceBlock)
    reduceRows(result, last, Math.min(reduceBlock, last));
  result.diagonal[0] = a[0] ?? 0;
  return result;
}

/** Eliminates `count` rows, `last` the first of them, and updates the rows that remain. */
function reduceRows(t: Tridiagonal, last: number, count: number): void {
  const { n, reflectors: a } = t;
  const vw = new Float64Array(2 * count * n); // the vectors v, then the vectors w
  const w = vw.subarray(count * n);
  for (let b = 0; b < count; b++) {
    const k = last - b;
    const row = a.subarray(k * n, k * n + k + 1);
    for (let q = 0; q < b; q++) {
      addScaled(row, vw.subarray(q * n), -w[q * n + k]!, k + 1);
      addScaled(row, w.subarray(q * n), -vw[q * n + k]!, k + 1);
    }
    t.diagonal[k] = row[k]!;
    const scale = makeReflector(row, k, t.offDiagonal);
    t.scales[k] = scale;
    if (scale === 0) continue;
    vw.set(row.subarray(0, k), b * n);
    projectOnto(t, vw, k, b, count);
  }
  const wv = new Float64Array(vw.length);
  wv.set(w);
  wv.set(vw.subarray(0, count * n), count * n);
  const rest = last - count + 1;
  const shape = { m: rest, n: rest, k: 2 * count, alpha: -1, lower: true };
  multiplyAdd(view(a, n), transposed(view(vw, n)), view(wv, n), shape);
}

/**
 * Replaces the first k elements x of a row by v with (I − τ·v·vᵀ)·x = (0, …, 0, β), v's last element
 * being 1. Notes β as off-diagonal element and returns τ.
 */
function makeReflector(row: Float64Array, k: number, offDiagonal: Float64Array): number {
  const alpha = row[k - 1]!;
  let largest = 0;
  for (let i = 0; i < k - 1; i++) largest = Math.max(largest, Math.abs(row[i]!));
  offDiagonal[k] = alpha;
  if (largest === 0) return 0;
  largest = Math.max(largest, Math.abs(alpha)); // scaling keeps the squares from under- and overflow
  let sum = 0;
  for (let i = 0; i < k; i++) sum += (row[i]! / largest) ** 2;
  const beta = alpha > 0 ? -largest * Math.sqrt(sum) : largest * Math.sqrt(sum);
  for (let i = 0; i < k - 1; i++) row[i]! /= alpha - beta;
  row[k - 1] = 1;
  offDiagonal[k] = beta;
  return (beta - alpha) / beta;
}

/** w = τ·(A′v) − (τ²/2)(vᵀA′v)·v, where A′ is A less the updates of the block still outstanding. */
function projectOnto(t: Tridiagonal, vw: Float64Array, k: number, b: number, count: number): void {
  const { n } = t;
  const scale = t.scales[k]!;
  const v = vw.subarray(b * n, b * n + k);
  const w = vw.subarray((count + b) * n, (count + b) * n + k);
  multiplySymmetric(t.reflectors, n, v, w);
  for (let q = 0; q < b; q++) {
    const vq = vw.subarray(q * n, q * n + k);
    const wq = vw.subarray((count + q) * n, (count + q) * n + k);
    const alongW = dot(wq, v, k);
    const alongV = dot(vq, v, k);
    addScaled(w, vq, -alongW, k);
    addScaled(w, wq, -alongV, k);
  }
  for (let i = 0; i < k; i++) w[i] = scale * w[i]!;
  addScaled(w, v, -0.5 * scale * dot(w, v, k), k);
}

/**
 * p = A·v from the lower triangle of the leading block of A; p must be zero before. Four rows at a
 * time, since the loop is bound by loads and stores.
 */
function multiplySymmetric(a: Float64Array, n: number, v: Float64Array, p: Float64Array): void {
  const size = v.length;
  const whole = size - (size % 4);
  for (let i = 0; i < whole; i += 4) {
    multiplyFourRows(a, n, v, p, i);
    for (let row = i; row < i + 4; row++) multiplyRow(a, n, v, p, row, i);
  }
  for (let row = whole; row < size; row++) multiplyRow(a, n, v, p, row, 0);
}

/** Rows i to i + 3 and their mirror images, up to column i. */
function multiplyFourRows(
  a: Float64Array,
  n: number,
  v: Float64Array,
  p: Float64Array,
  i: number,
): void {
  const [row0, row1, row2, row3] = [i * n, (i + 1) * n, (i + 2) * n, (i + 3) * n];
  const [v0, v1, v2, v3] = [v[i]!, v[i + 1]!, v[i + 2]!, v[i + 3]!];
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  for (let j = 0; j < i; j++) {
    const x0 = a[row0 + j]!;
    const x1 = a[row1 + j]!;
    const x2 = a[row2 + j]!;
    const x3 = a[row3 + j]!;
    const vj = v[j]!;
    sum0 += x0 * vj;
    sum1 += x1 * vj;
    sum2 += x2 * vj;
    sum3 += x3 * vj;
    p[j]! += x0 * v0 + x1 * v1 + (x2 * v2 + x3 * v3);
  }
  p[i]! += sum0;
  p[i + 1]! += sum1;
  p[i + 2]! += sum2;
  p[i + 3]! += sum3;
}

/** Row `row` and its mirror image from column `first` to the diagonal. */
function multiplyRow(
  a: Float64Array,
  n: number,
  v: Float64Array,
  p: Float64Array,
  row: number,
  first: number,
): void {
  const vRow = v[row]!;
  let sum = a[row * n + row]! * vRow;
  for (let j = first; j < row; j++) {
    const x = a[row * n + j]!;
    sum += x * v[j]!;
    p[j]! += x * vRow;
  }
  p[row]! += sum;
}

/**
 * Turns eigenvectors of T into eigenvectors of A, in place: each of the `rows` rows of Z gets
 * multiplied by H₁, H₂, …, Hₙ₋₁. A block of reflections is one product,
 * Hᵢ⋯Hⱼ = I − Vᵀ·S·V with S upper triangular. (Schreiber and Van Loan 1989)
 */
export function applyReflections(t: Tridiagonal, z: Float64Array, rows: number): void {
  const { n } = t;
  for (let first = 1; first < n; first += applyBlock) {
    const count = Math.min(applyBlock, n - first);
    const width = first + count - 1;
    const v = new Float64Array(count * width);
    for (let b = 0; b < count; b++) {
      const k = first + b;
      v.set(t.reflectors.subarray(k * n, k * n + k), b * width);
    }
    const s = compactScales(v, t.scales.subarray(first, first + count), width);
    const along = new Float64Array(rows * count);
    const scaled = new Float64Array(rows * count);
    const block = view(v, width);
    const target = view(z, n);
    multiplyAdd(view(along, count), target, transposed(block), { m: rows, n: count, k: width });
    multiplyAdd(view(scaled, count), view(along, count), view(s, count), {
      m: rows,
      n: count,
      k: count,
    });
    multiplyAdd(target, view(scaled, count), block, { m: rows, n: width, k: count, alpha: -1 });
  }
}

/** S, column by column: S[j,j] = τⱼ, S[:j,j] = −τⱼ·S[:j,:j]·(V[:j]·vⱼ). Vectors with τ = 0 drop out. */
function compactScales(v: Float64Array, scales: Float64Array, width: number): Float64Array {
  const count = scales.length;
  const s = new Float64Array(count * count);
  const overlaps = new Float64Array(count * count);
  multiplyAdd(view(overlaps, count), view(v, width), transposed(view(v, width)), {
    m: count,
    n: count,
    k: width,
  });
  for (let j = 0; j < count; j++) {
    const scale = scales[j]!;
    s[j * count + j] = scale;
    for (let i = 0; i < j; i++) {
      let sum = 0;
      for (let q = i; q < j; q++) sum += s[i * count + q]! * overlaps[q * count + j]!;
      s[i * count + j] = -scale * sum;
    }
  }
  return s;
}
