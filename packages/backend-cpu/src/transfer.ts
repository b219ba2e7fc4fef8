/** Copies between tensors and strided floats in plain loops, for what is not worth a kernel. */
import { float32, sizeOf, type Tensor } from '@decouple/tensor';

/** Calls `visit(strided index, row-major index)` for each element. */
function forElements(
  shape: readonly number[],
  strides: readonly number[],
  visit: (strided: number, plain: number) => void,
): void {
  const last = shape.length - 1;
  let plain = 0;
  const walk = (axis: number, base: number): void => {
    if (axis > last) {
      visit(base, plain++);
      return;
    }
    for (let index = 0; index < (shape[axis] as number); index++)
      walk(axis + 1, base + index * (strides[axis] as number));
  };
  walk(0, 0);
}

/** Writes row-major data to strided places of `target`, whose first element is that of index 0. */
export function writeStrided(
  target: Float32Array,
  strides: readonly number[],
  shape: readonly number[],
  data: Float32Array,
): void {
  forElements(shape, strides, (strided, plain) => {
    target[strided] = data[plain] as number;
  });
}

/** A tensor from strided places of `source`. */
export function readStrided(
  source: Float32Array,
  strides: readonly number[],
  shape: readonly number[],
): Tensor {
  const data = new Float32Array(sizeOf(shape));
  forElements(shape, strides, (strided, plain) => {
    data[plain] = source[strided] as number;
  });
  return float32(shape, data);
}
