/** Loops over all indices of a shape, for references that move elements. */
import { allocate, sizeOf, stridesOf, tensor, type Tensor } from '@decouple/tensor';

/** Calls `visit` with every index of `shape` in row-major order; the array is reused between calls. */
export function forEachIndex(
  shape: readonly number[],
  visit: (index: readonly number[], position: number) => void,
): void {
  const size = sizeOf(shape);
  const index = shape.map(() => 0);
  for (let position = 0; position < size; position++) {
    visit(index, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      index[axis] = 0;
    }
  }
}

/** The position in memory of an index, for given strides. */
export const positionOf = (index: readonly number[], strides: readonly number[]): number =>
  index.reduce((sum, at, axis) => sum + at * (strides[axis] as number), 0);

/**
 * A tensor of `shape` whose element at `index` is `value`'s at `source(index)`; `undefined` takes `fill`.
 */
export function gatherElements(
  value: Tensor,
  shape: readonly number[],
  source: (index: readonly number[]) => readonly number[] | undefined,
  fill = 0,
): Tensor {
  const out = allocate(value.dtype, sizeOf(shape)) as { [position: number]: number | bigint };
  const strides = stridesOf(value.shape);
  const absent = typeof out[0] === 'bigint' ? BigInt(fill) : fill;
  forEachIndex(shape, (index, position) => {
    const from = source(index);
    out[position] = from ? (value.data[positionOf(from, strides)] as number | bigint) : absent;
  });
  return tensor(value.dtype, shape, out as unknown as Tensor['data']);
}
