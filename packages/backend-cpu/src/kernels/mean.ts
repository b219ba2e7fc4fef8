/** Means over all pixels of each channel: global average pooling, and reduce-mean over rows and columns. */
import type { NodeOf } from '@decouple/ir';
import { advance, storeLanes } from '../emit/simd.ts';
import type { Delegation, Emitter, KernelContext, KernelPlan, Pointer, Vector } from '../kernel.ts';
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
  // One result per image and channel: every layout of the output but one with a halo is dense.
  if (output.shape.length === 4 && output.strides[0] !== output.shape[1])
    return { delegate: 'the result is padded for a convolution' };
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

export function reduceMean(
  node: NodeOf<'reduce-mean'>,
  context: KernelContext,
): KernelPlan | Delegation {
  const x = context.view(node.inputs[0] ?? '');
  const rank = x?.shape.length ?? 0;
  const axes = node.attrs.axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  if (rank !== 4 || axes.join() !== '2,3')
    return { delegate: 'only rows and columns of a map are averaged' };
  return planMean(node.inputs[0] ?? '', node.outputs[0] ?? '', context);
}
