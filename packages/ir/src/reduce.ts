/** Folds over axes: y[kept] = step(… step(start, x[kept, reduced₀]) …, x[kept, reducedₙ]). */
import {
  allocate,
  elementsIn,
  isWide,
  sizeOf,
  stridesOf,
  tensor,
  type DType,
  type Tensor,
} from '@decouple/tensor';
import type { Element } from './broadcast.ts';
import { forEachIndex, positionOf } from './loops.ts';
import { floating } from './shapes.ts';

export type Reduction = 'sum' | 'mean' | 'max' | 'min' | 'prod';

interface Fold<T extends Element> {
  readonly start: T;
  readonly step: (total: T, element: T) => T;
}

const sums: Fold<number> = { start: 0, step: (a, b) => a + b };
const products: Fold<number> = { start: 1, step: (a, b) => a * b };
const wideSums: Fold<bigint> = { start: 0n, step: (a, b) => a + b };
const wideProducts: Fold<bigint> = { start: 1n, step: (a, b) => BigInt.asUintN(64, a * b) };

/** The least and the greatest element of a type. */
function limitsOf(dtype: DType): [Element, Element] {
  if (floating.includes(dtype)) return [-Infinity, Infinity];
  if (dtype === 'int64') return [-(2n ** 63n), 2n ** 63n - 1n];
  if (dtype === 'uint64') return [0n, 2n ** 64n - 1n];
  if (dtype === 'bool') return [0, 1];
  const bits = 8 * allocate(dtype, 0).BYTES_PER_ELEMENT;
  return dtype.startsWith('u') ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}

const larger = (a: Element, b: Element): Element => (b > a || Number.isNaN(b) ? b : a);
const smaller = (a: Element, b: Element): Element => (b < a || Number.isNaN(b) ? b : a);

function foldOf(kind: Reduction, dtype: DType): Fold<Element> {
  const [least, greatest] = limitsOf(dtype);
  if (kind === 'max') return { start: least, step: larger };
  if (kind === 'min') return { start: greatest, step: smaller };
  if (kind === 'prod') return (isWide(dtype) ? wideProducts : products) as Fold<Element>;
  return (isWide(dtype) ? wideSums : sums) as Fold<Element>;
}

/** Where totals are kept: wide enough for those of the type. */
const totalsOf = (dtype: DType): DType => (isWide(dtype) ? dtype : 'float64');

/**
 * Reduces `x` over `axes` (counted from the front), which keep size 1 in the result. Of no elements: the sum is 0, the
 * product 1, the maximum the least value of the type. Means of whole numbers truncate.
 */
export function reduceOver<D extends DType>(
  x: Tensor<D>,
  axes: readonly number[],
  kind: Reduction,
): Tensor<D> {
  const { start, step } = foldOf(kind, x.dtype);
  const shape = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const strides = stridesOf(shape).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
  const input = elementsIn(x.data);
  const totals = elementsIn(allocate(totalsOf(x.dtype), sizeOf(shape)));
  for (let at = 0; at < totals.length; at++) totals[at] = start;
  forEachIndex(x.shape, (index, position) => {
    const at = positionOf(index, strides);
    totals[at] = step(totals[at] as Element, input[position] as Element);
  });
  const out = allocate(x.dtype, totals.length);
  const count = input.length / totals.length;
  const results = elementsIn(out);
  for (let at = 0; at < totals.length; at++)
    results[at] = kind === 'mean' ? meanOf(totals[at] as Element, count) : (totals[at] as Element);
  return tensor(x.dtype, shape, out);
}

const meanOf = (total: Element, count: number): Element =>
  typeof total === 'bigint' ? total / BigInt(count || 1) : total / count;
