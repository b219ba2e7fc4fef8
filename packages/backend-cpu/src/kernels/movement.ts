/** Ops that only move elements: all are strided copies between views. */
import { sizeOf, stridesOf } from '@decouple/tensor';
import type { NodeOf } from '@decouple/ir';
import { copyCalls, mapCalls } from './map.ts';
import type { Call, Delegation, KernelContext, KernelPlan } from '../kernel.ts';
import { addressAt, isDense, isRowMajor, type View } from '../layout.ts';

const hosted: Delegation = { delegate: 'values are not float32' };

/** A part of a view: `starts` in elements per axis, another shape, and strides multiplied by `steps`. */
function partOf(
  view: View,
  starts: readonly number[],
  shape: readonly number[],
  steps?: readonly number[],
): View {
  const offset = starts.reduce(
    (sum, start, axis) => sum + start * (view.strides[axis] as number),
    0,
  );
  const strides = view.strides.map((stride, axis) => stride * (steps?.[axis] ?? 1));
  return { shape, strides, address: addressAt(view, offset) };
}

interface Moved {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

const viewsOf = (node: Moved, context: KernelContext): [View, View] | undefined => {
  const [x, y] = [context.view(node.inputs[0] ?? ''), context.view(node.outputs[0] ?? '')];
  return x && y && [x, y];
};

/** The same elements in the same (row-major) order under another shape. */
export function reshape(
  node: NodeOf<'reshape' | 'flatten' | 'squeeze' | 'unsqueeze' | 'identity' | 'dropout'>,
  context: KernelContext,
): KernelPlan | Delegation {
  const views = viewsOf(node, context);
  if (!views) return hosted;
  const [x, y] = views;
  const same = x.address.buffer === y.address.buffer && x.address.space === y.address.space;
  if (same) return { kernel: 'alias', calls: [] };
  return { kernel: node.op, calls: reshapeCalls(context, x, y) };
}

/** The view of a row-major tensor at `address`. */
export const rowMajorView = (shape: readonly number[], address: View['address']): View => ({
  shape,
  strides: stridesOf(shape),
  address,
});

function reshapeCalls(context: KernelContext, x: View, y: View): Call[] {
  if (isPlain(y)) return copyCalls(context, rowMajorView(x.shape, y.address), x);
  if (isPlain(x)) return copyCalls(context, y, rowMajorView(y.shape, x.address));
  const between = context.scratch(sizeOf(x.shape));
  return [
    ...copyCalls(context, rowMajorView(x.shape, between), x),
    ...copyCalls(context, y, rowMajorView(y.shape, between)),
  ];
}

export function transpose(
  node: NodeOf<'transpose'>,
  context: KernelContext,
): KernelPlan | Delegation {
  const views = viewsOf(node, context);
  if (!views) return hosted;
  const [x, y] = views;
  const from = permuted(x, node.attrs.permutation);
  return { kernel: 'transpose', calls: copyCalls(context, y, from) };
}

export function concat(node: NodeOf<'concat'>, context: KernelContext): KernelPlan | Delegation {
  const y = context.view(node.outputs[0] ?? '');
  const parts = node.inputs.map((input) => context.view(input));
  if (!y || parts.some((part) => !part)) return hosted;
  const rank = y.shape.length;
  const axis = node.attrs.axis < 0 ? node.attrs.axis + rank : node.attrs.axis;
  let at = 0;
  const calls = (parts as View[]).flatMap((part) => {
    const starts = y.shape.map((_, index) => (index === axis ? at : 0));
    at += part.shape[axis] as number;
    return copyCalls(context, partOf(y, starts, part.shape), part);
  });
  return { kernel: 'concat', calls };
}

export function slice(node: NodeOf<'slice'>, context: KernelContext): KernelPlan | Delegation {
  const views = viewsOf(node, context);
  if (!views) return hosted;
  const [x, y] = views;
  const starts = x.shape.map(() => 0);
  const steps = x.shape.map(() => 1);
  node.attrs.axes.forEach((given, index) => {
    const axis = given < 0 ? given + x.shape.length : given;
    const size = x.shape[axis] as number;
    const [start, step] = [node.attrs.starts[index] as number, node.attrs.steps[index] as number];
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
    starts[axis] = Math.min(Math.max(start < 0 ? start + size : start, low), high);
    steps[axis] = step;
  });
  if (sizeOf(y.shape) === 0) return { kernel: 'slice', calls: [] };
  return { kernel: 'slice', calls: copyCalls(context, y, partOf(x, starts, y.shape, steps)) };
}

export function pad(node: NodeOf<'pad'>, context: KernelContext): KernelPlan | Delegation {
  const views = viewsOf(node, context);
  if (!views) return hosted;
  const [x, y] = views;
  const { mode, pads, value } = node.attrs;
  if (mode !== 'constant') return { delegate: `no kernel for padding in mode ${mode} yet` };
  const rank = x.shape.length;
  const fill = mapCalls(context, y, [], {
    name: 'fill',
    parameters: value,
    body: (f) => f.f32x4(value),
  });
  // Where an axis is cropped, the copy starts inside x; where it is padded, inside y.
  const before = x.shape.map((_, axis) => pads[axis] as number);
  const kept = x.shape.map(
    (size, axis) =>
      size + Math.min(0, pads[axis] as number) + Math.min(0, pads[axis + rank] as number),
  );
  if (kept.some((size) => size <= 0)) return { kernel: 'pad', calls: fill };
  const from = partOf(
    x,
    before.map((size) => Math.max(0, -size)),
    kept,
  );
  const to = partOf(
    y,
    before.map((size) => Math.max(0, size)),
    kept,
  );
  return { kernel: 'pad', calls: [...fill, ...copyCalls(context, to, from)] };
}

/** An axis of a view as two: `inner` elements within each of the outer. */
function splitAxis(view: View, axis: number, inner: number): View {
  const [size, stride] = [view.shape[axis] as number, view.strides[axis] as number];
  return {
    shape: view.shape.toSpliced(axis, 1, size / inner, inner),
    strides: view.strides.toSpliced(axis, 1, stride * inner, stride),
    address: view.address,
  };
}

const permuted = (view: View, permutation: readonly number[]): View => ({
  shape: permutation.map((axis) => view.shape[axis] as number),
  strides: permutation.map((axis) => view.strides[axis] as number),
  address: view.address,
});

/** y [N,C,H·b,W·b] as [N,C,H,b,W,b] from x [N,b,b,C,H,W] or [N,C,b,b,H,W]. */
export function depthToSpace(
  node: NodeOf<'depth-to-space'>,
  context: KernelContext,
): KernelPlan | Delegation {
  const views = viewsOf(node, context);
  if (!views) return hosted;
  const [x, y] = views;
  const { block, order } = node.attrs;
  const to = splitAxis(splitAxis(y, 3, block), 2, block);
  const channels = order === 'DCR' ? (y.shape[1] as number) : block;
  const blocks = splitAxis(splitAxis(x, 1, channels), 1, block);
  const from = permuted(blocks, order === 'DCR' ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]);
  return { kernel: 'depth to space', calls: copyCalls(context, to, from) };
}

export function expand(node: NodeOf<'expand'>, context: KernelContext): KernelPlan | Delegation {
  const views = viewsOf(node, context);
  if (!views) return hosted;
  const [x, y] = views;
  return { kernel: 'expand', calls: copyCalls(context, y, x) };
}

/** Whether each place of the result along an axis is that of its index over a whole factor. */
function repeatsPlaces({ mode, coordinates, nearest }: NodeOf<'resize'>['attrs']): boolean {
  if (mode !== 'nearest') return false;
  if (coordinates === 'asymmetric') return nearest === 'floor';
  return coordinates === 'half_pixel' && nearest.startsWith('round');
}

/** Nearest neighbours for whole factors: y as [N,C,H,s,W,t] from x repeated along s and t. */
export function resize(node: NodeOf<'resize'>, context: KernelContext): KernelPlan | Delegation {
  const views = viewsOf(node, context);
  if (!views) return hosted;
  const [x, y] = views;
  const factors = x.shape.map((size, axis) => (y.shape[axis] as number) / size);
  const asScaled = node.attrs.scales?.every(Number.isInteger) ?? true;
  if (!repeatsPlaces(node.attrs) || !asScaled || !factors.every(Number.isInteger))
    return { delegate: 'no kernel for this interpolation yet' };
  let [to, from] = [y, x];
  for (let axis = x.shape.length - 1; axis >= 0; axis--) {
    to = splitAxis(to, axis, factors[axis] as number);
    from = splitAxis(from, axis, 1);
  }
  return { kernel: 'resize', calls: copyCalls(context, to, from) };
}

/** Whether a value's floats stand as in the row-major tensor. */
export const isPlain = (view: View): boolean => isDense(view) && isRowMajor(view.shape);
