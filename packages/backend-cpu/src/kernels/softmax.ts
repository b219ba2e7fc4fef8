/** Softmax along the axis that is contiguous in memory: channels of a map, the last axis of any other rank. */
import type { NodeOf } from '@decouple/ir';
import { collapse, emitNest, type Nest } from '../emit/nest.ts';
import { exponential } from '../emit/exponential.ts';
import { forVectors, keepLanes, reduceLanes } from '../emit/lines.ts';
import { storeLanes } from '../emit/simd.ts';
import type { Delegation, Emitter, KernelContext, KernelPlan, Pointer, Vector } from '../kernel.ts';

function emitLine(f: Emitter, [output, input]: readonly [Pointer, Pointer], size: number): void {
  const [x, y] = f.locals('i32', 2) as [Pointer, Pointer];
  const [largest, sum, value, r, n] = f.locals('v128', 5) as [
    Vector,
    Vector,
    Vector,
    Vector,
    Vector,
  ];
  const restart = (): void => void f.get(input).set(x).get(output).set(y);
  restart();
  f.f32x4(-Infinity).set(largest).f32x4(0).set(sum);
  forVectors(f, size, [x], (lanes) => {
    f.get(x).mem('v128.load');
    keepLanes(f, lanes, -Infinity);
    f.get(largest).op('f32x4.max').set(largest);
  });
  f.get(largest);
  reduceLanes(f, 'f32x4.max', value);
  f.set(largest);
  restart();
  forVectors(f, size, [x, y], (lanes) => {
    f.get(x).mem('v128.load').get(largest).op('f32x4.sub');
    exponential(f, r, n);
    keepLanes(f, lanes, 0);
    f.tee(value).get(sum).op('f32x4.add').set(sum);
    storeLanes(f, y, 0, value, lanes);
  });
  f.get(sum);
  reduceLanes(f, 'f32x4.add', value);
  f.set(sum);
  restart();
  forVectors(f, size, [y], (lanes) => {
    f.get(y).mem('v128.load').get(sum).op('f32x4.div').set(value);
    storeLanes(f, y, 0, value, lanes);
  });
}

export function softmax(node: NodeOf<'softmax'>, context: KernelContext): KernelPlan | Delegation {
  const [x, y] = [context.view(node.inputs[0] ?? ''), context.view(node.outputs[0] ?? '')];
  if (!x || !y) return { delegate: 'the input is not float32' };
  const rank = x.shape.length;
  const axis = node.attrs.axis < 0 ? node.attrs.axis + rank : node.attrs.axis;
  const size = x.shape[axis] as number;
  if (axis !== (rank === 4 ? 1 : rank - 1))
    return { delegate: `axis ${axis} is not contiguous in memory` };
  const rest = <T>(values: readonly T[]): T[] => values.filter((_, index) => index !== axis);
  const nest: Nest = collapse({
    sizes: rest(x.shape),
    strides: [rest(y.strides), rest(x.strides)],
  });
  const name = context.function('softmax', [nest, size], 2, (f, args) =>
    emitNest(f, nest, args, () => emitLine(f, args as [Pointer, Pointer], size)),
  );
  return { kernel: 'softmax', calls: [{ function: name, args: [y.address, x.address] }] };
}
