/**
 * Reductions. For means over all pixels of each channel (global average pooling, a mean over rows and columns) four
 * channels go side by side. Over any other axes each result is one fold: along the contiguous axis by vectors, else one
 * by one.
 */
import type { NodeOf } from '@decouple/ir';
import { sizeOf } from '@decouple/tensor';
import { forVectors, keepLanes, reduceLanes, type LaneOperation } from '../emit/lines.ts';
import { collapse, emitNest, type Nest } from '../emit/nest.ts';
import { advance, storeLanes } from '../emit/simd.ts';
import type { Delegation, Emitter, KernelContext, KernelPlan, Pointer, Vector } from '../kernel.ts';
import type { View } from '../layout.ts';
import { mapStrides, type MapStrides } from './conv-shape.ts';

interface MeanShape {
  readonly batch: number;
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
  readonly input: MapStrides;
}

/** Sums each row apart, then the rows: the error grows with rows + columns instead of their product. */
function emitMean(f: Emitter, args: readonly Pointer[], shape: MeanShape): void {
  const [input, output] = args as [Pointer, Pointer];
  const { channels, rows, columns } = shape;
  const [x, row, start] = f.locals('i32', 3) as [Pointer, Pointer, Pointer];
  const [sum, total] = f.locals('v128', 2) as [Vector, Vector];
  const vector = (lanes: number): void => {
    f.f32x4(0).set(total).get(start).set(row);
    f.forRange(f.local('i32'), 0, rows, 1, () => {
      f.f32x4(0).set(sum).get(row).set(x);
      f.forRange(f.local('i32'), 0, columns, 1, () => {
        f.get(sum).get(x).mem('v128.load').op('f32x4.add').set(sum);
        f.increment(x, shape.input.pixel);
      });
      f.get(total).get(sum).op('f32x4.add').set(total);
      f.increment(row, shape.input.row);
    });
    f.get(total)
      .f32x4(rows * columns)
      .op('f32x4.div')
      .set(total);
    storeLanes(f, output, 0, total, lanes);
  };
  f.forRange(f.local('i32'), 0, shape.batch, 1, () => {
    f.get(input).set(start);
    f.forRange(f.local('i32'), 0, Math.floor(channels / 4), 1, () => {
      vector(4);
      advance(f, [
        [start, 16],
        [output, 16],
      ]);
    });
    if (channels % 4) vector(channels % 4);
    advance(f, [
      [input, shape.input.image],
      [output, 4 * (channels % 4)],
    ]);
  });
}

function planMean(x: string, y: string, context: KernelContext): KernelPlan | Delegation {
  const [input, output] = [context.view(x), context.view(y)];
  if (!input || !output) return { delegate: 'the input is not float32' };
  // Results are written one after the other, which a halo between images forbids.
  const padded = output.shape.length === 4 && output.strides[0] !== output.shape[1];
  if (padded) return planFolds(input, output, [2, 3], 'mean', context);
  const [batch, channels, rows, columns] = input.shape as [number, number, number, number];
  const shape: MeanShape = { batch, channels, rows, columns, input: mapStrides(input) };
  const name = context.function('mean', shape, 2, (f, args) => emitMean(f, args, shape));
  return { kernel: 'mean', calls: [{ function: name, args: [input.address, output.address] }] };
}

export const globalAveragePool = (
  node: NodeOf<'global-average-pool'>,
  context: KernelContext,
): KernelPlan | Delegation => {
  const [x = '', y = ''] = [node.inputs[0], node.outputs[0]];
  if (context.view(x)?.shape.length !== 4) return { delegate: 'the input is not a feature map' };
  return planMean(x, y, context);
};

type Reduction = NodeOf<'reduce'>['attrs']['kind'];

/** How two lanes are joined, and what leaves the other unchanged. */
const folds: Readonly<Record<Reduction, { step: LaneOperation; start: number }>> = {
  sum: { step: 'f32x4.add', start: 0 },
  mean: { step: 'f32x4.add', start: 0 },
  prod: { step: 'f32x4.mul', start: 1 },
  max: { step: 'f32x4.max', start: -Infinity },
  min: { step: 'f32x4.min', start: Infinity },
};

interface FoldShape {
  readonly kind: Reduction;
  readonly kept: Nest;
  readonly reduced: Nest;
}

/** One fold for each element of `kept`, over the loops of `reduced`; a mean is divided by their count. */
function emitFolds(f: Emitter, args: readonly Pointer[], { kind, kept, reduced }: FoldShape): void {
  const { step, start } = folds[kind];
  const [output, input] = args as [Pointer, Pointer];
  const [total, spare] = f.locals('v128', 2) as [Vector, Vector];
  const x = f.local('i32');
  const last = reduced.sizes.length - 1;
  const straight = reduced.strides[0]?.[last] === 1;
  const outer: Nest = straight
    ? {
        sizes: reduced.sizes.slice(0, -1),
        strides: reduced.strides.map((list) => list.slice(0, -1)),
      }
    : reduced;
  const count = reduced.sizes.reduce((product, size) => product * size, 1);
  const line = f.local('i32');
  emitNest(f, kept, [output, input], () => {
    f.f32x4(start).set(total).get(input).set(x);
    emitNest(f, outer, [x], () => {
      f.get(x).set(line);
      if (!straight) f.get(x).mem('v128.load32_splat').get(total).op(step).set(total);
      else
        forVectors(f, reduced.sizes[last] as number, [line], (lanes) => {
          f.get(line).mem('v128.load');
          keepLanes(f, lanes, start);
          f.get(total).op(step).set(total);
        });
    });
    f.get(total);
    if (straight) reduceLanes(f, step, spare);
    if (kind === 'mean') f.f32x4(count).op('f32x4.div');
    f.set(total);
    storeLanes(f, output, 0, total, 1);
  });
}

function planFolds(
  x: View,
  y: View,
  axes: readonly number[],
  kind: Reduction,
  context: KernelContext,
): KernelPlan {
  const isKept = x.shape.map((_, axis) => !axes.includes(axis));
  const pick = <T>(values: readonly T[], wanted: boolean): T[] =>
    values.filter((_, axis) => isKept[axis] === wanted);
  // Without kept dimensions, the result's axes are the input's that stay, in order.
  const outStrides = y.shape.length === x.shape.length ? pick(y.strides, true) : y.strides;
  const kept = collapse({
    sizes: pick(x.shape, true),
    strides: [outStrides, pick(x.strides, true)],
  });
  const reduced = collapse({ sizes: pick(x.shape, false), strides: [pick(x.strides, false)] });
  const shape: FoldShape = { kind, kept, reduced };
  const name = context.function('fold', shape, 2, (f, args) => emitFolds(f, args, shape));
  return { kernel: 'fold', calls: [{ function: name, args: [y.address, x.address] }] };
}

export function reduce(node: NodeOf<'reduce'>, context: KernelContext): KernelPlan | Delegation {
  const [x, y] = [context.view(node.inputs[0] ?? ''), context.view(node.outputs[0] ?? '')];
  if (!x || !y) return { delegate: 'the input is not float32' };
  if (sizeOf(x.shape) === 0) return { delegate: 'there is nothing to reduce' };
  const rank = x.shape.length;
  const { kind } = node.attrs;
  const axes = node.attrs.axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  if (kind !== 'mean' || rank !== 4 || axes.join() !== '2,3')
    return planFolds(x, y, axes, kind, context);
  return planMean(node.inputs[0] ?? '', node.outputs[0] ?? '', context);
}
