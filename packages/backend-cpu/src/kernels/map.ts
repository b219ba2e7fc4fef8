/**
 * Element-wise work over strided operands: out[i] = body(in₀[i], in₁[i], …). One emitter serves arithmetic with
 * broadcasting (stride 0), copies (concat, slice, pad, transpose, layout changes) and normalisation. The innermost
 * loop runs four elements at a time where the result is contiguous and each operand contiguous or constant there;
 * else one at a time with the same vector code.
 */
import { sizeOf } from '@decouple/tensor';
import { collapse, emitNest, type Nest } from '../emit/nest.ts';
import { storeLanes } from '../emit/simd.ts';
import type { Call, Emitter, KernelContext, Pointer, Vector } from '../kernel.ts';
import type { View } from '../layout.ts';
import { emitTransposedCopy, transposedAxes } from './transposed-copy.ts';

/** Leaves the result for the operands on the stack. */
export type MapBody = (f: Emitter, operands: readonly Vector[]) => void;

export interface MapOptions {
  /** Names the body: together with sizes and strides it identifies the emitted function. */
  readonly name: string;
  readonly parameters?: unknown;
  readonly body: MapBody;
}

/** An operand's strides for the axes of `shape`: right-aligned, 0 where it has size 1. */
export function broadcastStrides(view: View, shape: readonly number[]): number[] {
  const shift = shape.length - view.shape.length;
  return shape.map((_, axis) =>
    axis < shift || view.shape[axis - shift] === 1 ? 0 : (view.strides[axis - shift] as number),
  );
}

function emitInner(f: Emitter, args: readonly Pointer[], nest: Nest, body: MapBody): void {
  const last = nest.sizes.length - 1;
  const size = nest.sizes[last] ?? 1;
  const inner = nest.strides.map((operand) => operand[last] ?? 0);
  const vector = inner[0] === 1 && inner.every((stride) => stride === 0 || stride === 1);
  const pointers = args.map(() => f.local('i32'));
  const values = args.slice(1).map(() => f.local('v128'));
  const result = f.local('v128');
  const round = (lanes: number): void => {
    values.forEach((value, index) => {
      const contiguous = vector && inner[index + 1] === 1;
      f.get(pointers[index + 1] as Pointer)
        .mem(contiguous ? 'v128.load' : 'v128.load32_splat')
        .set(value);
    });
    body(f, values);
    f.set(result);
    storeLanes(f, pointers[0] as Pointer, 0, result, lanes);
  };
  const step = vector ? 4 : 1;
  args.forEach((arg, index) => f.get(arg).set(pointers[index] as Pointer));
  f.forRange(f.local('i32'), 0, Math.floor(size / step), 1, () => {
    round(step);
    pointers.forEach((pointer, index) => {
      const bytes = 4 * step * (inner[index] ?? 0);
      if (bytes) f.increment(pointer, bytes);
    });
  });
  if (size % step) round(size % step);
}

/** Calls that compute `out` from operands whose shapes broadcast to it. */
export function mapCalls(
  context: KernelContext,
  out: View,
  operands: readonly View[],
  options: MapOptions,
): Call[] {
  if (sizeOf(out.shape) === 0) return [];
  const nest = collapse({
    sizes: out.shape,
    strides: [out, ...operands].map((view) => broadcastStrides(view, out.shape)),
  });
  const outer: Nest = {
    sizes: nest.sizes.slice(0, -1),
    strides: nest.strides.map((strides) => strides.slice(0, -1)),
  };
  const name = context.function(
    options.name,
    [nest, options.parameters],
    operands.length + 1,
    (f, args) => emitNest(f, outer, args, () => emitInner(f, args, nest, options.body)),
  );
  return [{ function: name, args: [out.address, ...operands.map((view) => view.address)] }];
}

/** Calls that copy `from`, whose shape broadcasts to that of `to`; layouts may differ. */
export function copyCalls(context: KernelContext, to: View, from: View): Call[] {
  const nest = collapse({
    sizes: to.shape,
    strides: [to.strides, broadcastStrides(from, to.shape)],
  });
  const axes = transposedAxes(nest);
  if (!axes || sizeOf(to.shape) === 0)
    return mapCalls(context, to, [from], { name: 'copy', body: (f, [x]) => f.get(x as Vector) });
  const name = context.function('transposed-copy', nest, 2, (f, args) =>
    emitTransposedCopy(f, args, nest, axes),
  );
  return [{ function: name, args: [to.address, from.address] }];
}
