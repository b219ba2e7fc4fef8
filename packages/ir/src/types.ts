/**
 * Types of values. Layout is NCHW as in ONNX; a dimension is a number, or a symbol such as the batch `N`
 * that is bound when a graph is compiled or run.
 */
import type { DType, Tensor } from '@decouple/tensor';

/**
 * A dimension: a size, a symbol (a word such as `"N"`), or what shape inference makes of symbols as text
 * (`"floor((H-1)/2)+1"`, see dims.ts). Equal texts mean equal sizes.
 */
export type Dim = number | string;

export interface ValueType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

export const typeOfTensor = (value: Tensor): ValueType => ({
  dtype: value.dtype,
  shape: value.shape,
});

/** `float32[N,3,32,32]` */
export const formatType = (type: ValueType): string => `${type.dtype}[${type.shape.join(',')}]`;

export const sameType = (a: ValueType, b: ValueType): boolean =>
  a.dtype === b.dtype &&
  a.shape.length === b.shape.length &&
  a.shape.every((dim, axis) => dim === b.shape[axis]);

/** The shape of one sample: symbolic dimensions are 1. */
export const sizesOf = (type: ValueType): number[] =>
  type.shape.map((dim) => (typeof dim === 'number' ? dim : 1));

/** Elements per sample: symbolic dimensions count as 1. */
export const elementsOf = (type: ValueType): number =>
  sizesOf(type).reduce((product, dim) => product * dim, 1);

/** The shape as numbers, or `undefined` when a dimension is symbolic. */
export function staticShape(type: ValueType): number[] | undefined {
  return type.shape.every((dim) => typeof dim === 'number') ? (type.shape as number[]) : undefined;
}
