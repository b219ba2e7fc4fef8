/**
 * Symbolic contents: the elements of small integer tensors that compute shapes, as dimensions. A reshape to
 * `Concat(Gather(Shape(x), 0), [-1])` has the target `["N", -1]` although the batch is unknown until the graph runs.
 */
import {
  addToDim,
  isOp,
  maxDimText,
  multiplyDims,
  subtractDims,
  sumDims,
  type Dim,
  type Node,
  type ValueType,
} from '@decouple/ir';
import type { Knowledge } from './call.ts';

/** Shape arithmetic is about a handful of numbers; longer tensors are data. */
const maxElements = 64;

type Contents = readonly Dim[] | undefined;

/** Index tensors: whole numbers, in a list or alone. */
export const mayHoldSizes = (type: ValueType | undefined): boolean =>
  (type?.dtype === 'int64' || type?.dtype === 'int32') && type.shape.length <= 1;

function divide(a: Dim, b: Dim): Dim | undefined {
  if (a === b) return 1;
  if (typeof b !== 'number' || b === 0) return undefined;
  if (typeof a === 'number') return Math.trunc(a / b);
  return b === 1 ? a : `floor((${a})/${b})`;
}

const arithmetic: Partial<Record<Node['op'], (a: Dim, b: Dim) => Dim | undefined>> = {
  add: (a, b) => (typeof b === 'number' ? addToDim(a, b) : sumDims([a, b])),
  sub: subtractDims,
  mul: (a, b) => multiplyDims([a, b]),
  div: divide,
};

function elementwise(
  a: Contents,
  b: Contents,
  apply: (a: Dim, b: Dim) => Dim | undefined,
): Contents {
  if (!a || !b || (a.length !== b.length && a.length !== 1 && b.length !== 1)) return undefined;
  const result = Array.from({ length: Math.max(a.length, b.length) }, (_, index) =>
    apply(a[a.length === 1 ? 0 : index] as Dim, b[b.length === 1 ? 0 : index] as Dim),
  );
  return result.every((dim) => dim !== undefined) ? result : undefined;
}

function gathered(data: Contents, indices: Contents): Contents {
  const result = indices?.map((index) =>
    typeof index === 'number' ? data?.[index < 0 ? index + data.length : index] : undefined,
  );
  return result?.every((dim) => dim !== undefined) ? result : undefined;
}

const productOf = (data: Contents): Contents => data && [multiplyDims(data)];

function sliced(data: Contents, node: Node & { op: 'slice' }): Contents {
  const { starts, ends, steps } = node.attrs;
  const [start, end, step] = [starts[0], ends[0], steps[0]];
  if (!data || starts.length !== 1 || start === undefined || end === undefined || !step)
    return undefined;
  const size = data.length;
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (value: number): number =>
    Math.min(Math.max(value < 0 ? value + size : value, low), high);
  const result: Dim[] = [];
  for (let at = clamp(start); step > 0 ? at < clamp(end) : at > clamp(end); at += step)
    result.push(data[at] as Dim);
  return result;
}

function compute(node: Node, known: Knowledge): Contents {
  const of = (index: number): Contents => known.contentsOf(node.inputs[index] ?? '');
  const apply = arithmetic[node.op];
  if (apply) return elementwise(of(0), of(1), apply);
  if (isOp(node, 'shape')) return known.typeOf(node.inputs[0] ?? '')?.shape;
  if (isOp(node, 'gather')) return gathered(of(0), of(1));
  if (isOp(node, 'reduce')) return node.attrs.kind === 'prod' ? productOf(of(0)) : undefined;
  if (isOp(node, 'slice')) return sliced(of(0), node);
  if (isOp(node, 'concat')) {
    const parts = node.inputs.map((_, index) => of(index));
    return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
  }
  const same = ['squeeze', 'unsqueeze', 'cast', 'identity', 'reshape', 'flatten'];
  return same.includes(node.op) ? of(0) : undefined;
}

/** The contents of a node's result of type `type`, or `undefined` when they are not known. */
export function contentsOf(node: Node, type: ValueType | undefined, known: Knowledge): Contents {
  if (!mayHoldSizes(type)) return undefined;
  const result = compute(node, known);
  const small = result && result.length <= maxElements;
  return small && result.every((dim) => typeof dim === 'number' || dim.length <= maxDimText)
    ? result
    : undefined;
}
