/** Index tensors: int64 or int32, negative counts from the end. */
import { int64, ModelError, sizeOf, type Random, type Tensor } from '@decouple/tensor';
import { inputOf } from './shapes.ts';
import type { ValueType } from './types.ts';

/** Checks an input that holds indices. */
export const indexInput = (type: ValueType | undefined, name = 'indices'): ValueType =>
  inputOf(type, name, ['int64', 'int32']);

/**
 * The element of an index tensor at `position`, counted from the front.
 * @throws ModelError when it is outside an axis of `size`.
 */
export function indexAt(indices: Tensor, position: number, axis: number, size: number): number {
  const index = Number(indices.data[position]);
  if (index < -size || index >= size)
    throw new ModelError(`index ${index} is outside axis ${axis} of size ${size}`);
  return index < 0 ? index + size : index;
}

/** Random indices into an axis of `size`, half of them negative. */
export const randomIndices = (
  random: Random,
  shape: readonly number[],
  size: number,
): Tensor<'int64'> =>
  int64(
    Array.from({ length: sizeOf(shape) }, () => random.below(2 * size) - size),
    shape,
  );
