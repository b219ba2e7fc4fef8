import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compact,
  float32,
  fromHalf,
  fromHalves,
  fromSteps,
  innerSize,
  int64,
  toHalf,
  type Compact,
  type Tensor,
} from '../src/index.ts';

describe('half precision', () => {
  it('keeps its own numbers, and rounds others to the nearest', () => {
    for (let half = 0; half < 0x7c00; half++) expect(toHalf(fromHalf(half))).toBe(half);
    expect(
      [0.1, -0.1, 65504, 65519.9, 65520, 1e-8, 2 ** -24, 1.5 * 2 ** -24, 1 + 2 ** -11].map(toHalf),
    ).toEqual([0x2e66, 0xae66, 0x7bff, 0x7bff, 0x7c00, 0, 1, 2, 0x3c00]);
    fc.assert(
      fc.property(fc.float({ min: -60000, max: 60000, noNaN: true }), (value) => {
        const error = Math.abs(fromHalf(toHalf(value)) - value);
        expect(error).toBeLessThanOrEqual(Math.max(2 ** -25, Math.abs(value) * 2 ** -11));
      }),
    );
  });

  it('is refused for what it can not hold', () => {
    const stored = (...values: number[]): Compact | undefined =>
      compact(float32([2, 1], values), 'f16', 0);
    expect(stored(1, 65519)).toEqual({ storage: 'f16', halves: Uint16Array.of(0x3c00, 0x7bff) });
    for (const value of [65520, -65520, Infinity, Number.NaN])
      expect(stored(1, value)).toBeUndefined();
    expect(compact(int64([1, 2], [2, 1]), 'f16', 0)).toBeUndefined();
  });
});

describe('8 bits', () => {
  const values = (shape: readonly number[], of: (at: number) => number): Tensor<'float32'> => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    return float32(
      shape,
      Float32Array.from({ length: size }, (_, at) => of(at)),
    );
  };

  it.each([0, 1, 2])('keep each channel of axis %i within half a step', (axis) => {
    const shape = [9, 10, 11];
    const inner = innerSize(shape, axis);
    const channelOf = (at: number): number => Math.floor(at / inner) % (shape[axis] as number);
    const value = values(shape, (at) => 10 ** (channelOf(at) - 4) * Math.sin(at + 1));
    const stored = compact(value, 'i8', axis);
    if (stored?.storage !== 'i8') throw new Error('expected to be stored');
    expect(stored.steps.length).toBe(shape[axis]);
    const back = fromSteps(stored, inner);
    value.data.forEach((each, at) => {
      const step = stored.steps[channelOf(at)] as number;
      expect(step).toBeLessThanOrEqual(10 ** (channelOf(at) - 4) / 127);
      expect(Math.abs((back[at] as number) - each)).toBeLessThanOrEqual(step * 0.500001);
    });
  });

  it('take zeros, the smallest and the largest numbers', () => {
    const rows = [0, 2e-45, 1e-40, 3e38];
    const value = values([4, 16], (at) => (rows[at >> 4] as number) * (at % 2 ? 1 : -1));
    const stored = compact(value, 'i8', 0);
    if (stored?.storage !== 'i8') throw new Error('expected to be stored');
    for (const step of stored.steps) expect(step > 0 && Number.isFinite(step)).toBe(true);
    const back = fromSteps(stored, 16);
    value.data.forEach((each, at) =>
      expect(Math.abs((back[at] as number) - each)).toBeLessThanOrEqual(
        Math.max(1e-39, Math.abs(each) / 200),
      ),
    );
  });

  it('are refused for NaN, infinity, and channels of a few numbers', () => {
    expect(
      compact(
        values([2, 8], () => 1),
        'i8',
        0,
      ),
    ).toBeUndefined();
    expect(
      compact(
        values([2, 9], () => 1),
        'i8',
        0,
      ),
    ).toBeDefined();
    expect(
      compact(
        values([2, 9], () => 1),
        'f32',
        0,
      ),
    ).toBeUndefined();
    for (const bad of [Number.NaN, Infinity, -Infinity])
      expect(
        compact(
          values([2, 9], (at) => (at === 7 ? bad : 1)),
          'i8',
          0,
        ),
      ).toBeUndefined();
  });
});

it('arrays of halves are widened number by number', () => {
  expect([...fromHalves(Uint16Array.of(0x3c00, 0xc100, 1))]).toEqual([1, -2.5, 2 ** -24]);
});
