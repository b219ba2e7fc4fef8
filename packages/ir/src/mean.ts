/** Means over axes: y[kept] = Σ x[kept, reduced] / count. */
import { allocate, float32, floats, sizeOf, stridesOf, type Tensor } from '@decouple/tensor';
import { forEachIndex, positionOf } from './loops.ts';

/** The mean of a float32 tensor over `axes`, which keep size 1 in the result. */
export function meanOver(x: Tensor, axes: readonly number[]): Tensor<'float32'> {
  const shape = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const strides = stridesOf(shape).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
  const input = floats(x, 'x');
  const sums = allocate('float64', sizeOf(shape));
  forEachIndex(x.shape, (index, position) => {
    const at = positionOf(index, strides);
    sums[at] = (sums[at] as number) + (input[position] as number);
  });
  const count = input.length / sums.length;
  return float32(
    shape,
    Float32Array.from(sums, (sum) => sum / count),
  );
}
