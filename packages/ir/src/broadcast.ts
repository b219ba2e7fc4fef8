/** Functions of several tensors, element by element with NumPy broadcasting. */
import {
  allocate,
  elementsIn,
  sizeOf,
  stridesOf,
  tensor,
  type DType,
  type Tensor,
} from '@decouple/tensor';
import { forEachIndex, positionOf } from './loops.ts';
import { broadcastShapes } from './shapes.ts';

/** One element: a bigint for whole numbers of 64 bits. */
export type Element = number | bigint;

/** Strides of `value` seen under the broadcast shape: 0 along repeated axes. */
function broadcastStrides(value: Tensor, rank: number): number[] {
  const strides = stridesOf(value.shape).map((stride, axis) =>
    value.shape[axis] === 1 ? 0 : stride,
  );
  return [...new Array<number>(rank - strides.length).fill(0), ...strides];
}

/** The tensor of `apply(a, b, c)`, elements of the operands; a result wraps around as `dtype` does. */
export function mapBroadcast(
  dtype: DType,
  operands: readonly Tensor[],
  apply: (a: Element, b: Element, c: Element) => Element,
): Tensor {
  const shape = operands
    .map((operand) => operand.shape)
    .reduce((a, b) => broadcastShapes(a, b) as number[]);
  const out = allocate(dtype, sizeOf(shape));
  const [data, results] = [operands.map((operand) => elementsIn(operand.data)), elementsIn(out)];
  const strides = operands.map((operand) => broadcastStrides(operand, shape.length));
  const at = (operand: number, index: readonly number[]): Element =>
    data[operand]?.[positionOf(index, strides[operand] as number[])] as Element;
  const [second, third] = [operands.length > 1 ? 1 : 0, operands.length > 2 ? 2 : 0];
  forEachIndex(shape, (index, position) => {
    results[position] = apply(at(0, index), at(second, index), at(third, index));
  });
  return tensor(dtype, shape, out);
}
