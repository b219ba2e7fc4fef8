/**
 * Gather along one axis with indices known when compiling: y[…, j, …] = x[…, indices[j], …]. Channels of a feature
 * map lie together, so four results are one load and a shuffle where their sources are within four channels of each
 * other (repeated and nearly sorted indices, as unequal terms of decoupled convolutions give), else four loads.
 * The channels of a pixel are straight-line code. Along other axes the parts are copied one by one.
 */
import type { NodeOf } from '@decouple/ir';
import { numbersOf, sizeOf } from '@decouple/tensor';
import { collapse, emitNest } from '../emit/nest.ts';
import { storeLanes } from '../emit/simd.ts';
import type {
  Call,
  Delegation,
  Emitter,
  KernelContext,
  KernelPlan,
  Pointer,
  Vector,
} from '../kernel.ts';
import { addressAt, type View } from '../layout.ts';
import { copyCalls } from './map.ts';

/** Beyond this many parts a gather along other axes than channels is left to the interpreter. */
const mostParts = 64;

/** Loads up to four channels of the pixel at `x` into `target`. */
function loadChannels(f: Emitter, x: Pointer, channels: readonly number[], target: Vector): void {
  const low = Math.min(...channels);
  if (Math.max(...channels) - low < 4) {
    const lanes = [0, 1, 2, 3].map((lane) => (channels[lane] ?? low) - low);
    f.get(x).mem('v128.load', 4 * low);
    if (lanes.some((lane, index) => lane !== index))
      f.tee(target)
        .get(target)
        .shuffle32(lanes as [number, number, number, number]);
    f.set(target);
    return;
  }
  f.get(x)
    .mem('v128.load32_zero', 4 * (channels[0] as number))
    .set(target);
  channels.slice(1).forEach((channel, index) => {
    f.get(x)
      .get(target)
      .memLane('v128.load32_lane', index + 1, 4 * channel)
      .set(target);
  });
}

function gatherChannels(
  context: KernelContext,
  x: View,
  y: View,
  indices: readonly number[],
): Call[] {
  const others = [0, 2, 3];
  const nest = collapse({
    sizes: others.map((axis) => y.shape[axis] as number),
    strides: [y, x].map((view) => others.map((axis) => view.strides[axis] as number)),
  });
  const name = context.function('gather-channels', [nest, indices], 2, (f, [to, from]) => {
    const value = f.local('v128');
    emitNest(f, nest, [to as Pointer, from as Pointer], () => {
      for (let at = 0; at < indices.length; at += 4) {
        const channels = indices.slice(at, at + 4);
        loadChannels(f, from as Pointer, channels, value);
        storeLanes(f, to as Pointer, 4 * at, value, channels.length);
      }
    });
  });
  return [{ function: name, args: [y.address, x.address] }];
}

export function gather(node: NodeOf<'gather'>, context: KernelContext): KernelPlan | Delegation {
  const [x, y] = [context.view(node.inputs[0] ?? ''), context.view(node.outputs[0] ?? '')];
  const table = context.constant(node.inputs[1] ?? '');
  if (!x || !y || !table || table.shape.length !== 1)
    return { delegate: 'not a gather of feature maps by constant indices' };
  const rank = x.shape.length;
  const axis = node.attrs.axis < 0 ? node.attrs.axis + rank : node.attrs.axis;
  const size = x.shape[axis] as number;
  const indices = numbersOf(table).map((index) => (index < 0 ? index + size : index));
  if (indices.some((index) => index < 0 || index >= size))
    return { delegate: 'an index is out of range' };
  if (sizeOf(y.shape) === 0) return { kernel: 'gather', calls: [] };
  if (rank === 4 && axis === 1)
    return { kernel: 'gather channels', calls: gatherChannels(context, x, y, indices) };
  if (indices.length > mostParts)
    return { delegate: 'a gather of many parts along another axis than channels' };
  const shape = y.shape.map((dim, at) => (at === axis ? 1 : dim));
  const part = (view: View, index: number): View => ({
    ...view,
    shape,
    address: addressAt(view, index * (view.strides[axis] as number)),
  });
  return {
    kernel: 'gather',
    calls: indices.flatMap((index, place) => copyCalls(context, part(y, place), part(x, index))),
  };
}
