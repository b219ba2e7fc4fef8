/** Random tensors for the sample cases of op records. */
import { float32, normals, sizeOf, tensor, type Random, type Tensor } from '@decouple/tensor';

/** Normals times `scale`. */
export const randomFloats = (
  random: Random,
  shape: readonly number[],
  scale = 1,
): Tensor<'float32'> => float32(shape, normals(random, sizeOf(shape), scale));

/** Whole numbers in ±`limit`, zero excluded. */
export function randomIntegers(
  random: Random,
  dtype: 'int64' | 'int32',
  shape: readonly number[],
  limit = 20,
): Tensor {
  const values = Array.from(
    { length: sizeOf(shape) },
    () => (random.below(limit) + 1) * (random.below(2) ? 1 : -1),
  );
  return dtype === 'int64'
    ? tensor(dtype, shape, BigInt64Array.from(values, BigInt))
    : tensor(dtype, shape, Int32Array.from(values));
}

/** The same values a quarter further from zero. */
export const awayFromZero = (value: Tensor<'float32'>): Tensor<'float32'> => ({
  ...value,
  data: value.data.map((element) => element + (element < 0 ? -0.25 : 0.25)),
});

/** Random truth values. */
export const randomBools = (random: Random, shape: readonly number[]): Tensor<'bool'> =>
  tensor(
    'bool',
    shape,
    Uint8Array.from({ length: sizeOf(shape) }, () => random.below(2)),
  );

/** Pairs of shapes that broadcast, by name: edge cases first. */
export const shapePairs: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ['scalar and scalar', [], []],
  ['same shape, odd', [1, 3, 5, 7], [1, 3, 5, 7]],
  ['same shape, batch 2', [2, 8, 4, 4], [2, 8, 4, 4]],
  ['scalar right', [2, 3, 4, 5], []],
  ['scalar left', [], [2, 5]],
  ['one element right', [2, 5, 3, 3], [1]],
  ['per channel [C,1,1]', [2, 5, 3, 4], [5, 1, 1]],
  ['per channel [1,C,1,1] left', [1, 5, 1, 1], [2, 5, 3, 4]],
  ['per sample and channel', [2, 5, 3, 4], [2, 5, 1, 1]],
  ['trailing axis, ranks 3 and 1', [2, 3, 4], [4]],
  ['both repeat', [3, 1], [1, 4]],
  ['2-D rows', [3, 17], [17]],
  ['batch repeats', [1, 4, 2, 2], [3, 4, 2, 2]],
];
