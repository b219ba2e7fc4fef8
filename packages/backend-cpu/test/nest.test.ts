import { describe, expect, test } from 'vitest';
import { collapse } from '../src/emit/nest.ts';

describe('collapse', () => {
  test('dense operands become one loop', () => {
    const strides = [60, 1, 15, 3];
    expect(collapse({ sizes: [2, 3, 4, 5], strides: [strides, strides] })).toEqual({
      sizes: [120],
      strides: [[1], [1]],
    });
  });

  test('a per-channel operand keeps the loop over channels apart', () => {
    const nest = collapse({
      sizes: [2, 3, 4, 5],
      strides: [
        [60, 1, 15, 3],
        [0, 1, 0, 0],
      ],
    });
    expect(nest).toEqual({
      sizes: [40, 3],
      strides: [
        [3, 1],
        [0, 1],
      ],
    });
  });

  test('loops follow the order of the result in memory; rounds of one vanish', () => {
    const nest = collapse({
      sizes: [1, 3, 4],
      strides: [
        [12, 1, 3],
        [12, 4, 1],
      ],
    });
    expect(nest).toEqual({
      sizes: [4, 3],
      strides: [
        [3, 1],
        [1, 4],
      ],
    });
  });
});
