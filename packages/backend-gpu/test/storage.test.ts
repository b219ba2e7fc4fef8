import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  fromTexels,
  rowsOf,
  sameTexels,
  storageOf,
  toTexels,
  type Storage,
} from '../src/storage.ts';

const shapes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 });
const lanes = fc.constantFrom(1 as const, 4 as const);

const numbered = (storage: Storage): Float32Array =>
  Float32Array.from({ length: storage.shape.reduce((a, b) => a * b, 1) }, (_, index) => index + 1);

test('every element has a place of its own, whatever the limits', () =>
  fc.assert(
    fc.property(shapes, lanes, fc.integer({ min: 2, max: 80 }), (shape, count, largest) => {
      for (const storage of [storageOf(shape, count, largest), rowsOf(shape, largest)]) {
        if (!storage || storage.folded) continue;
        expect(storage.width).toBeLessThanOrEqual(largest);
        expect(storage.height).toBeLessThanOrEqual(largest);
        const data = numbered(storage);
        expect(fromTexels(storage, toTexels(storage, data))).toEqual(data);
      }
    }),
  ));

test('maps are NHWC4: rows of rows, columns of pixels, channels in lanes', () => {
  const storage = storageOf([2, 6, 3, 5], 4, 4096) as Storage;
  expect([storage.width, storage.height, storage.blocks]).toEqual([10, 6, 2]);
  const texels = toTexels(storage, numbered(storage));
  // Channel 5 of pixel (2, 4) of the second image: block 1, lane 1.
  const place = ((3 + 2) * 10 + 4 * 2 + 1) * 4 + 1;
  expect(texels[place]).toBe(1 + ((6 + 5) * 3 + 2) * 5 + 4);
  expect([...texels.slice(place + 1, place + 3)]).toEqual([0, 0]);
});

test('vectors beyond a row are folded', () => {
  const storage = storageOf([2, 70_000], 4, 16_384) as Storage;
  expect(storage.folded).toBe(true);
  expect([storage.width, storage.height]).toEqual([4096, 10]);
  const data = numbered(storage);
  const back = fromTexels(storage, toTexels(storage, data));
  expect(back.every((value, index) => value === data[index])).toBe(true);
});

test('what no texture holds has no place', () => {
  expect(storageOf([0, 4], 4, 4096)).toBeUndefined();
  expect(storageOf([5000, 5000, 5000], 4, 4096)).toBeUndefined();
});

test('flattened maps of one pixel stand where they are, others do not', () => {
  const of = (shape: number[]): Storage => storageOf(shape, 4, 4096) as Storage;
  expect(sameTexels(of([3, 10, 1, 1]), of([3, 10]))).toBe(true);
  expect(sameTexels(of([3, 10, 2, 1]), of([3, 20]))).toBe(false);
  expect(sameTexels(of([8, 1]), of([1, 8]))).toBe(false);
});
