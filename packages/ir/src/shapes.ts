/** Shape arithmetic shared by op records: windows, broadcasting, axes. Errors carry sizes; callers add names. */
import { ModelError } from '@decouple/tensor';
import { formatType, type Dim, type ValueType } from './types.ts';

/** Size of a window's output along one axis: `floor_or_ceil((size + pads - dilation·(kernel-1) - 1) / stride) + 1`. */
export interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly before: number;
  readonly after: number;
  readonly dilation: number;
  readonly ceil?: boolean;
}

export function windowOutput(size: Dim, window: Window): Dim {
  const { kernel, stride, before, after, dilation, ceil } = window;
  const slack = before + after - dilation * (kernel - 1) - 1;
  if (typeof size === 'string') {
    if (stride === 1) return addToDim(size, slack + 1);
    return `${ceil ? 'ceil' : 'floor'}((${addToDim(size, slack)})/${stride})+1`;
  }
  if (size + slack < 0)
    throw new ModelError(
      `window of ${kernel} (dilation ${dilation}) is larger than the padded size ${size + before + after}`,
    );
  const steps = (size + slack) / stride;
  let out = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
  // In ceil mode the last window must start inside the input or its leading padding.
  if (ceil && (out - 1) * stride >= size + before) out--;
  return out;
}

/** `dim + offset`; symbolic dimensions become a text that compares equal for equal sums. */
export function addToDim(dim: Dim, offset: number): Dim {
  if (typeof dim === 'number') return dim + offset;
  if (offset === 0) return dim;
  const match = /^(.*)([+-]\d+)$/.exec(dim);
  const base = match && !/[()/]/.test(match[1] ?? '(') ? (match[1] as string) : undefined;
  const total = base === undefined ? offset : Number(match?.[2]) + offset;
  if (total === 0) return base ?? dim;
  return `${base ?? dim}${total > 0 ? '+' : ''}${total}`;
}

/** A negative axis counts from the end. */
export function normalizeAxis(axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (normal < 0 || normal >= rank) throw new ModelError(`axis ${axis} is outside rank ${rank}`);
  return normal;
}

/** NumPy broadcasting of two shapes. A symbol broadcasts with itself and with 1. */
export function broadcastShapes(a: readonly Dim[], b: readonly Dim[]): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw new ModelError(`shapes [${a.join(',')}] and [${b.join(',')}] don't broadcast`);
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

/** A dimension that must be a number. */
export function staticDim(type: ValueType, axis: number, name: string): number {
  const dim = type.shape[axis];
  if (typeof dim !== 'number')
    throw new ModelError(`dimension ${axis} of '${name}' must be known, got ${formatType(type)}`);
  return dim;
}
