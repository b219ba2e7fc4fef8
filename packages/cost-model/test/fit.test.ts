import { addWork, fitRates, nanoseconds, scaleWork, type Work } from '@decouple/cost-model';
import { createRandom } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';

const truth = { fma: 0.14, byte: 0.02, call: 500 };

/** Work of many sizes, from microseconds to milliseconds. */
function works(): Work[] {
  const random = createRandom(3);
  return Array.from({ length: 40 }, () => ({
    fma: Math.floor(10 ** (4 + 4 * random.uniform())),
    byte: Math.floor(10 ** (3 + 4 * random.uniform())),
    call: 1,
  }));
}

describe('rates', () => {
  test('come back from exact times', () => {
    const rates = fitRates(works().map((work) => ({ work, ns: nanoseconds(work, truth) })));
    for (const [unit, rate] of Object.entries(truth)) expect(rates[unit]).toBeCloseTo(rate, 3);
  });
  test('survive a few times that a busy machine spoilt', () => {
    const samples = works().map((work, index) => ({
      work,
      ns: nanoseconds(work, truth) * (index % 10 === 0 ? 5 : 1),
    }));
    const rates = fitRates(samples);
    expect(rates['fma']).toBeGreaterThan(0.9 * truth.fma);
    expect(rates['fma']).toBeLessThan(1.1 * truth.fma);
  });
  test('are never negative, and units that nothing has are left out', () => {
    const rates = fitRates([
      { work: { a: 1e6, b: 1e6, c: 0 }, ns: 1e5 },
      { work: { a: 1e6, b: 2e6 }, ns: 0.9e5 },
      { work: { a: 2e6, b: 1e6 }, ns: 2e5 },
      { work: { a: 2e6 }, ns: 0 },
    ]);
    expect(Object.keys(rates)).toEqual(['a', 'b']);
    for (const rate of Object.values(rates)) expect(rate).toBeGreaterThanOrEqual(0);
  });
});

test('work adds up', () => {
  const twice = addWork({ a: 1, b: 2 }, { b: 3 }, {});
  expect(twice).toEqual({ a: 1, b: 5 });
  expect(scaleWork(twice, 2)).toEqual({ a: 2, b: 10 });
  expect(nanoseconds(twice, { a: 10, b: 1, c: 7 })).toBe(15);
  expect(nanoseconds({ unknown: 5 }, {})).toBe(0);
});
