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
