import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planMemory, type BufferRequest } from '../src/index.ts';

const request = fc
  .record({ bytes: fc.nat(5000), from: fc.nat(20), length: fc.nat(8) })
  .map(({ bytes, from, length }): BufferRequest => ({ bytes, from, to: from + length }));

describe('planMemory', () => {
  test('buffers alive at the same step never overlap; offsets are aligned', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 40 }), (requests) => {
        const { offsets, arenaBytes } = planMemory(requests);
        requests.forEach((a, i) => {
          const at = offsets[i] as number;
          expect(at % 64).toBe(0);
          expect(at + a.bytes).toBeLessThanOrEqual(arenaBytes);
          requests.forEach((b, j) => {
            if (i >= j || a.bytes === 0 || b.bytes === 0) return;
            if (a.from > b.to || b.from > a.to) return;
            const other = offsets[j] as number;
            expect(at + a.bytes <= other || other + b.bytes <= at).toBe(true);
          });
        });
        expect(planMemory(requests)).toEqual({ offsets, arenaBytes });
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test('a chain needs the space of its two largest neighbours', () => {
    const chain = [100, 6400, 3200, 64].map((bytes, step) => ({ bytes, from: step, to: step + 1 }));
    expect(planMemory(chain).arenaBytes).toBe(6400 + 3200);
  });

  test('in place: one buffer follows the other at the same offset', () => {
    const { offsets, arenaBytes } = planMemory([
      { bytes: 640, from: 0, to: 1 },
      { bytes: 640, from: 1, to: 2, inPlaceOf: 0 },
      { bytes: 640, from: 2, to: 3, inPlaceOf: 1 },
      { bytes: 64, from: 0, to: 3 },
    ]);
    expect(offsets).toEqual([0, 0, 0, 640]);
    expect(arenaBytes).toBe(704);
  });

  test('a buffer is taken over once', () => {
    const { offsets } = planMemory([
      { bytes: 64, from: 0, to: 1 },
      { bytes: 64, from: 1, to: 2, inPlaceOf: 0 },
      { bytes: 64, from: 1, to: 2, inPlaceOf: 0 },
    ]);
    expect(offsets[1]).toBe(0);
    expect(offsets[2]).toBe(64);
  });

  test('refuses to take over a buffer that is read later', () => {
    const requests = [
      { bytes: 64, from: 0, to: 3 },
      { bytes: 64, from: 1, to: 2, inPlaceOf: 0 },
    ];
    expect(() => planMemory(requests)).toThrow(/in place of 0/);
  });
});
