import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  allocate,
  cast,
  createRandom,
  DataError,
  difference,
  dtypes,
  float32,
  formatNpy,
  int64,
  numbersOf,
  parseNpy,
  permutation,
  roundToEven,
  roundToFloat16,
  sizeOf,
  stridesOf,
  tensor,
  UnsupportedError,
} from '@decouple/tensor';
import { damaged, damagedText } from '@decouple/tensor/mutations';

const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });

test('.npy round-trips every element type and shape', () => {
  fc.assert(
    fc.property(shapes, fc.constantFrom(...dtypes), fc.integer(), (shape, dtype, seed) => {
      const data = allocate(dtype, sizeOf(shape));
      const random = createRandom(seed);
      new Uint8Array(data.buffer).forEach((_, index, bytes) => (bytes[index] = random.below(2)));
      const value = tensor(dtype, shape, data);
      expect(parseNpy(formatNpy(value))).toEqual(value);
    }),
  );
});

test('.npy headers are padded to 64 bytes, as NumPy does', () => {
  const bytes = formatNpy(float32([2], [1, 2]));
  expect((bytes.length - 8) % 64).toBe(0);
});

test('a truncated or foreign .npy names the file', () => {
  const bytes = formatNpy(float32([3], [1, 2, 3]));
  for (let length = 0; length < bytes.length; length++)
    expect(() => parseNpy(bytes.subarray(0, length), 'x.npy')).toThrow(DataError);
  expect(() => parseNpy(new Uint8Array(20), 'x.npy')).toThrow(/x\.npy: not a \.npy file/);
});

test('casting truncates and keeps int64', () => {
  expect(numbersOf(cast(float32([3], [1.7, -1.7, 0]), 'int64'))).toEqual([1, -1, 0]);
  expect(numbersOf(cast(int64([0, 5]), 'bool'))).toEqual([0, 1]);
});

test('difference is relative to the largest reference magnitude', () => {
  expect(difference(float32([2], [1, 2]), float32([2], [1, 4]))).toEqual({
    maxAbs: 2,
    maxRel: 0.5,
  });
  expect(difference(float32([1], [NaN]), float32([1], [1])).maxAbs).toBe(Infinity);
});

test('random streams repeat, and forks are independent of draws', () => {
  const random = createRandom(7);
  const before = random.fork('a').uniform();
  random.uniform();
  expect(random.fork('a').uniform()).toBe(before);
  expect(random.fork('b').uniform()).not.toBe(before);
  expect(permutation(createRandom(1), 20).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, i) => i),
  );
});

test('strides are row-major', () => expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]));

test('halves round to the even neighbour', () => {
  expect([0.5, 1.5, 2.5, -0.5, -1.5, 0.49, -2.51].map(roundToEven)).toEqual([
    0, 2, 2, -0, -2, 0, -3,
  ]);
});

test('16-bit floats round to their neighbours, halfway to the even one', () => {
  // bfloat16 is the upper half of a float32, which orders neighbours by their bits.
  const brain = (bits: number): number =>
    new Float32Array(Uint32Array.of(bits << 16).buffer)[0] ?? 0;
  for (let bits = 0; bits < 0x7f7f; bits += 7) {
    const [low, high] = [brain(bits), brain(bits + 1)];
    const nearest = (share: number): number => low + (high - low) * share;
    expect(roundToFloat16(low, 'bfloat16')).toBe(low);
    expect(roundToFloat16(nearest(0.49), 'bfloat16')).toBe(low);
    expect(roundToFloat16(-nearest(0.51), 'bfloat16')).toBe(-high);
    expect(roundToFloat16(nearest(0.5), 'bfloat16')).toBe(bits % 2 ? high : low);
  }
});

test('damaged .npy files give an array or a DataError', () => {
  const bytes = formatNpy(float32([2, 3], [1, 2, 3, 4, 5, 6]));
  const reads = (damagedBytes: Uint8Array): boolean => {
    try {
      const { shape, data } = parseNpy(damagedBytes, 'x.npy');
      expect(data.length).toBe(sizeOf(shape));
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(DataError);
      expect(String(error)).toMatch(/x\.npy: /);
      return false;
    }
  };
  for (let length = 0; length < bytes.length; length++)
    expect(reads(bytes.subarray(0, length))).toBe(false);
  const random = createRandom(6);
  const tokens = ['(', ')', '-1', '1099511627776', '<f8', 'True', '1e3', '0x10', ', '].map((text) =>
    new TextEncoder().encode(text),
  );
  let accepted = 0;
  for (let round = 0; round < 10_000; round++)
    accepted += Number(reads(damaged(bytes, random, { tokens })));
  expect(accepted).toBeGreaterThan(100);
});

test('damage is the same for the same seed', () => {
  const text = 'the same text, twice';
  const damages = (): string[] => {
    const random = createRandom(7);
    return Array.from({ length: 50 }, () => damagedText(text, random));
  };
  expect(damages()).toEqual(damages());
  expect(new Set(damages()).size).toBeGreaterThan(30);
});

test('an array that the engine can not hold is an error of ours', () => {
  expect(() => allocate('float32', 2 ** 50)).toThrow(UnsupportedError);
  expect(() => allocate('uint8', -1)).toThrow(UnsupportedError);
});
