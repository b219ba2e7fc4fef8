/** Shape arithmetic shared by op records: windows, broadcasting, axes. Errors carry sizes; callers add names. */
import { dtypes, ModelError, type DType } from '@decouple/tensor';
import { addToDim, divideDim } from './dims.ts';
import { formatType, sameType, type Dim, type ValueType } from './types.ts';

/** One axis of a sliding window. */
export interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly before: number;
  readonly after: number;
  readonly dilation: number;
  readonly ceil?: boolean;
}

/**
 * Size of a window's output along one axis: `floor((size + before + after - dilation·(kernel-1) - 1) / stride) + 1`.
 * With `ceil`, a last window that sticks out counts too, provided it starts inside the input or its leading padding.
 */
export function windowOutput(size: Dim, window: Window): Dim {
  const { kernel, stride, before, after, dilation, ceil } = window;
  const slack = before + after - dilation * (kernel - 1) - 1;
  if (typeof size === 'number' && size + slack < 0)
    throw new ModelError(
      `window of ${kernel} (dilation ${dilation}) is larger than the padded size ${size + before + after}`,
    );
  return ceil
    ? divideDim(addToDim(size, Math.min(slack + stride, before)), stride, 'ceil')
    : addToDim(divideDim(addToDim(size, slack), stride, 'floor'), 1);
}

/** The output shape of 2-D windows over x [N,C,H,W]; `pads` are top, left, bottom, right. */
export function windowsShape(
  x: ValueType,
  channels: number | undefined,
  window: {
    readonly kernel: readonly [number, number];
    readonly stride: readonly [number, number];
    readonly pads: readonly [number, number, number, number];
    readonly dilation?: readonly [number, number] | undefined;
    readonly ceil?: boolean;
  },
): Dim[] {
  const axis = (place: 0 | 1): Dim =>
    windowOutput(x.shape[place + 2] as Dim, {
      kernel: window.kernel[place],
      stride: window.stride[place],
      before: window.pads[place],
      after: window.pads[place + 2] as number,
      dilation: window.dilation?.[place] ?? 1,
      ceil: window.ceil ?? false,
    });
  return [x.shape[0] as Dim, channels ?? (x.shape[1] as Dim), axis(0), axis(1)];
}

/** A negative axis counts from the end. */
export function normalizeAxis(axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (normal < 0 || normal >= rank) throw new ModelError(`axis ${axis} is outside rank ${rank}`);
  return normal;
}

/**
 * Axes counted from the front.
 * @throws ModelError when one is out of range or listed twice.
 */
export function normalizeAxes(axes: readonly number[], rank: number): number[] {
  const normal = axes.map((axis) => normalizeAxis(axis, rank));
  if (new Set(normal).size !== normal.length)
    throw new ModelError(`axes [${axes.join(',')}] repeat an axis of rank ${rank}`);
  return normal;
}

/** A shape without `axes` (counted from the front), or with size 1 there. */
export const reducedShape = (
  shape: readonly Dim[],
  axes: readonly number[],
  keepDims: boolean,
): Dim[] =>
  shape.flatMap<Dim>((dim, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [dim]));

/**
 * The dimension that two which must be equal have: of a symbol and a number the number, of two texts the shorter, since
 * they may well be equal when bound (`H` and `floor(H/2)*2`). `undefined` for different numbers.
 */
export function unifyDims(a: Dim, b: Dim): Dim | undefined {
  if (a === b) return a;
  if (typeof a === 'number') return typeof b === 'number' ? undefined : a;
  return typeof b === 'number' || b.length < a.length ? b : a;
}

/**
 * NumPy broadcasting of two shapes. A symbol broadcasts with itself and with 1; beside another dimension it must turn
 * out to be 1 or that dimension, so the result is the latter.
 */
export function broadcastShapes(a: readonly Dim[], b: readonly Dim[]): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (right === 1) return left;
    const unified = left === 1 ? right : unifyDims(left, right);
    if (unified === undefined)
      throw new ModelError(`shapes [${a.join(',')}] and [${b.join(',')}] don't broadcast`);
    return unified;
  });
}

/** The type of a required input. */
export function required(type: ValueType | undefined, name: string): ValueType {
  if (!type) throw new ModelError(`input '${name}' is missing`);
  return type;
}

/** Checks the rank of an input. */
export function withRank(type: ValueType | undefined, rank: number, name: string): ValueType {
  const present = required(type, name);
  if (present.shape.length !== rank)
    throw new ModelError(
      `input '${name}' must have ${rank} dimensions, got ${formatType(present)}`,
    );
  return present;
}

/** Element types that hold numbers, and those that hold fractions. */
export const numeric: readonly DType[] = dtypes.filter((dtype) => dtype !== 'bool');
export const floating: readonly DType[] = ['float32', 'float64'];

/** Checks that an input is there and has one of several element types. */
export function inputOf(
  type: ValueType | undefined,
  name: string,
  allowed: readonly DType[],
): ValueType {
  const present = required(type, name);
  if (!allowed.includes(present.dtype))
    throw new ModelError(
      `input '${name}' must be ${allowed.join(' or ')}, got ${formatType(present)}`,
    );
  return present;
}

/** Checks that two inputs have the same element type. */
export function sameDType(a: ValueType, b: ValueType): void {
  if (a.dtype !== b.dtype)
    throw new ModelError(
      `inputs must have one element type, got ${formatType(a)} and ${formatType(b)}`,
    );
}

/** Checks that an input is there and holds float32, and its rank when given. */
export function floatInput(type: ValueType | undefined, name: string, rank?: number): ValueType {
  const present = rank === undefined ? required(type, name) : withRank(type, rank, name);
  if (present.dtype !== 'float32')
    throw new ModelError(`input '${name}' must be float32, got ${formatType(present)}`);
  return present;
}

/** Checks an optional input against the type it must have. */
export function optionalOfType(
  type: ValueType | undefined,
  expected: ValueType,
  name: string,
): void {
  if (type && !sameType(type, expected))
    throw new ModelError(`${name} must be ${formatType(expected)}, got ${formatType(type)}`);
}

/** A dimension that must be a number. */
export function staticDim(type: ValueType, axis: number, name: string): number {
  const dim = type.shape[axis];
  if (typeof dim !== 'number')
    throw new ModelError(`dimension ${axis} of '${name}' must be known, got ${formatType(type)}`);
  return dim;
}
