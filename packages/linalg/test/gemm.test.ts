import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addCross,
  addGram,
  gemm,
  multiplyAdd,
  symmetrize,
  transposed,
  view,
} from '@decouple/linalg';
import { maxDifference, multiply, randomMatrix, seeds, sizes, transpose } from './support.ts';

describe('gemm', () => {
  it('agrees with plain loops for any shape, transposition and factors', () => {
    const flags = fc.record({ transA: fc.boolean(), transB: fc.boolean() });
    const factors = fc.record({
      alpha: fc.constantFrom(1, -1, 0.5),
      beta: fc.constantFrom(0, 1, -2),
    });
    fc.assert(
      fc.property(sizes(40), sizes(40), sizes(40), flags, factors, seeds, (m, n, k, t, f, seed) => {
        const a = randomMatrix(m * k, seed);
        const b = randomMatrix(k * n, seed + 1);
        const c = randomMatrix(m * n, seed + 2);
        const product = multiply(a, b, m, n);
        const expected = c.map((value, i) => f.beta * value + f.alpha * product[i]!);
        const stored = { a: t.transA ? transpose(a, m) : a, b: t.transB ? transpose(b, k) : b };
        gemm({ m, n, k, ...stored, c, ...t, ...f });
        expect(maxDifference(c, expected)).toBeLessThan(1e-12);
      }),
      { numRuns: 60 },
    );
  });

  it('agrees with plain loops across the block limits', () => {
    for (const [m, n, k] of [
      [131, 1033, 7],
      [259, 17, 517],
      [1, 1030, 300],
      [300, 1, 257],
    ] as const) {
      const a = randomMatrix(m * k);
      const b = randomMatrix(k * n, 2);
      expect(maxDifference(gemm({ m, n, k, a, b }), multiply(a, b, m, n))).toBeLessThan(1e-12);
    }
  });

  it('reads operands of any strides, float32 too', () => {
    for (const [rowStride, columnStride] of [
      [2, 60],
      [150, 3],
      [1, 40],
      [50, 1],
    ] as const) {
      const [m, n, k] = [40, 45, 50];
      const data = randomMatrix(m * 150 + k * 60);
      const elementsOf = (of: ArrayLike<number>) =>
        Float64Array.from(
          { length: m * k },
          (_, at) => of[7 + Math.floor(at / k) * rowStride + (at % k) * columnStride]!,
        );
      const b = randomMatrix(k * n, 2);
      for (const numbers of [data, new Float32Array(data)]) {
        const a = { data: numbers, offset: 7, rowStride, columnStride };
        const c = new Float64Array(m * n);
        multiplyAdd(view(c, n), a, view(b, n), { m, n, k });
        expect(maxDifference(c, multiply(elementsOf(numbers), b, m, n))).toBeLessThan(1e-12);
        const d = new Float64Array(n * m);
        multiplyAdd(view(d, m), view(transpose(b, k), k), transposed(a), { m: n, n: m, k });
        expect(maxDifference(d, transpose(c, m))).toBeLessThan(1e-12);
      }
    }
  });

  it('sums short stretches in float32 on request', () => {
    for (const [m, n, k] of [
      [131, 1033, 600],
      [40, 37, 1025],
    ] as const) {
      const [a, b] = [
        new Float32Array(randomMatrix(m * k)),
        new Float32Array(randomMatrix(k * n, 2)),
      ];
      const c = new Float64Array(m * n);
      multiplyAdd(view(c, n), view(a, k), view(b, n), { m, n, k, single: true });
      const exact = multiply(a, b, m, n);
      const error = maxDifference(c, exact);
      expect(error).toBeGreaterThan(0);
      expect(error).toBeLessThan(1e-6 * k);
      multiplyAdd(view(c, n), view(a, k), view(b, n), { m, n, k, alpha: -1, single: true });
      expect(Math.max(...c.map(Math.abs))).toBe(0);
    }
  });

  it('accepts float32, and empty sums give zero', () => {
    const a = new Float32Array([1, 2, 3, 4]);
    expect([...gemm({ m: 2, n: 2, k: 2, a, b: a })]).toEqual([7, 10, 15, 22]);
    expect([...gemm({ m: 1, n: 2, k: 0, a: new Float64Array(), b: new Float64Array() })]).toEqual([
      0, 0,
    ]);
  });

  it('does not read the old values if beta is 0', () => {
    const c = new Float64Array([NaN]);
    gemm({ m: 1, n: 1, k: 1, a: new Float64Array([2]), b: new Float64Array([3]), c });
    expect(c[0]).toBe(6);
  });

  it('names the array whose size does not fit', () => {
    const a = new Float64Array(6);
    expect(() => gemm({ m: 2, n: 2, k: 3, a, b: a.slice(1) })).toThrow(
      /gemm: b has 5 elements.*ask for 6/,
    );
  });
});

describe('addGram and addCross', () => {
  it('accumulate over batches of rows, of either precision', () => {
    fc.assert(
      fc.property(sizes(70), sizes(50), sizes(50), fc.boolean(), seeds, (rows, n, p, f32, seed) => {
        const make = (size: number, at: number) =>
          f32 ? new Float32Array(randomMatrix(size, at)) : randomMatrix(size, at);
        const [c, r] = [new Float64Array(n * n), new Float64Array(n * p)];
        const [expectedC, expectedR] = [new Float64Array(n * n), new Float64Array(n * p)];
        for (let batch = 0; batch < 2; batch++) {
          const x = make(rows * n, seed + batch);
          const y = make(rows * p, seed + batch + 7);
          addGram(c, x, rows, n);
          addCross(r, x, y, { rows, xColumns: n, yColumns: p });
          const xt = transpose(Float64Array.from(x), rows);
          multiply(xt, x, n, n).forEach((value, i) => (expectedC[i]! += value));
          multiply(xt, y, n, p).forEach((value, i) => (expectedR[i]! += value));
        }
        symmetrize(c, n);
        expect(maxDifference(c, expectedC)).toBeLessThan(1e-11);
        expect(maxDifference(r, expectedR)).toBeLessThan(1e-11);
      }),
      { numRuns: 40 },
    );
  });

  it('leaves the upper triangle alone until symmetrize', () => {
    const n = 141;
    const rows = 300;
    const x = randomMatrix(rows * n);
    const c = new Float64Array(n * n).fill(5);
    addGram(c, x, rows, n);
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) expect(c[i * n + j]).toBe(5);
    symmetrize(c, n);
    const expected = multiply(transpose(x, rows), x, n, n).map((value) => value + 5);
    expect(maxDifference(c, expected)).toBeLessThan(1e-11);
  });
});
