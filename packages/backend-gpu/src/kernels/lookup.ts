/** Ops whose result at an index depends on tables made when compiling: slices by index, interpolation. */
import { interpretNode, type NodeOf } from '@decouple/ir';
import { float32, floats } from '@decouple/tensor';
import { hosted, type Delegation, type KernelContext, type KernelPlan } from '../kernel.ts';
import { range, sum, type Coordinate, type Writer } from '../writer.ts';

export function gather(node: NodeOf<'gather'>, context: KernelContext): KernelPlan | Delegation {
  const [data, output] = [node.inputs[0] as string, node.outputs[0] as string];
  const indices = context.constant(node.inputs[1] as string);
  const from = context.storage(data);
  if (!indices) return { delegate: 'indices are computed' };
  if (!from || !context.storage(output)) return hosted;
  const { shape } = from;
  const axis = node.attrs.axis < 0 ? node.attrs.axis + shape.length : node.attrs.axis;
  const size = shape[axis] as number;
  const wrapped = Float32Array.from(indices.data as ArrayLike<number | bigint>, (given) => {
    const index = Number(given);
    return index < 0 ? index + size : index;
  });
  const table = context.define(float32([wrapped.length], wrapped));
  const w = context.writer(output);
  const rank = indices.shape.length;
  const own = (place: number, lane: number): string =>
    place === w.storage.laneAxis ? w.channel(lane) : (w.position[place] as string);
  const index = (lane: number): string => {
    const terms = indices.shape.map((_, place): [string, number] => [
      own(axis + place, lane),
      indices.shape.slice(place + 1).reduce((a, b) => a * b, 1),
    ]);
    return w.element(table, [sum(...terms)]);
  };
  const varies = w.storage.laneAxis >= axis && w.storage.laneAxis < axis + rank;
  const all = w.own();
  const coordinates: Coordinate[] = [
    ...all.slice(0, axis),
    varies ? index : w.let(index(0)),
    ...all.slice(axis + rank),
  ];
  return { kernel: 'gather', launches: [w.launch(w.read(data, coordinates))] };
}

/** Places of the input, and their weights, that make each place of the result along one axis. */
interface Taps {
  /** Taps of every place. */
  readonly count: number;
  /** Tables [places · count]. */
  readonly places: Float32Array;
  readonly weights: Float32Array;
}

/** An identity matrix of more rows takes longer than the interpreter. */
const longestAxis = 1024;

/** Interpolation along an axis is linear: the interpreter's answer to unit vectors tells the taps. */
function tapsAlong(node: NodeOf<'resize'>, place: number, size: number, out: number): Taps {
  const identity = new Float32Array(size * size);
  for (let index = 0; index < size; index++) identity[index * (size + 1)] = 1;
  const { scales } = node.attrs;
  const attrs = {
    ...node.attrs,
    axes: [1],
    sizes: scales ? null : [out],
    scales: scales && [scales[place] as number],
  };
  const alone: NodeOf<'resize'> = { ...node, attrs };
  const matrix = floats(interpretNode(alone, [float32([size, size], identity)])[0]!);
  const taps = range(out).map((at) =>
    range(size).filter((from) => (matrix[from * out + at] as number) !== 0),
  );
  const count = Math.max(1, ...taps.map(({ length }) => length));
  const [places, weights] = [new Float32Array(out * count), new Float32Array(out * count)];
  taps.forEach((list, at) =>
    list.forEach((from, tap) => {
      places[at * count + tap] = from;
      weights[at * count + tap] = matrix[from * out + at] as number;
    }),
  );
  return { count, places, weights };
}

/** Σ weight · x over the taps of the resized axes, one axis after the other in nested loops. */
export function resize(node: NodeOf<'resize'>, context: KernelContext): KernelPlan | Delegation {
  const [input, output] = [node.inputs[0] as string, node.outputs[0] as string];
  const [from, to] = [context.storage(input), context.storage(output)];
  if (!from || !to) return hosted;
  const { coordinates: mode, keepAspectRatio } = node.attrs;
  if (mode === 'tf_crop_and_resize') return { delegate: 'no kernel for regions yet' };
  if (keepAspectRatio !== 'stretch')
    return { delegate: 'no kernel that keeps the aspect ratio yet' };
  const resized = node.attrs.axes.map((given, place) => {
    const axis = given < 0 ? given + from.shape.length : given;
    return { axis, place, size: from.shape[axis] as number, out: to.shape[axis] as number };
  });
  if (
    resized.some(
      ({ axis, size, out }) => (axis === from.laneAxis && size !== out) || size > longestAxis,
    )
  )
    return { delegate: 'no kernel that interpolates channels, or such long axes' };
  const w = context.writer(output);
  const totals = range(w.target.lanes).map(() => w.variable('0.0'));
  const along = (rest: typeof resized, coordinates: Coordinate[], weights: string[]): void => {
    const [next, ...others] = rest;
    if (!next) {
      const weight = weights.join(' * ') || '1';
      w.read(input, coordinates).forEach((x, lane) =>
        w.line(`${totals[lane]} += ${x} * ${weight};`),
      );
      return;
    }
    const { axis, place, size, out } = next;
    if (axis === from.laneAxis) {
      along(others, coordinates, weights);
      return;
    }
    loopTaps(
      w,
      context,
      tapsAlong(node, place, size, out),
      w.position[axis] as string,
      (at, weight) => along(others, coordinates.with(axis, at), [...weights, weight]),
    );
  };
  along(resized, w.own(), []);
  return { kernel: `resize ${node.attrs.mode}`, launches: [w.launch(totals)] };
}

function loopTaps(
  w: Writer,
  context: KernelContext,
  taps: Taps,
  index: string,
  body: (place: string, weight: string) => void,
): void {
  const [places, weights] = [taps.places, taps.weights].map((table) =>
    context.define(float32([table.length], table)),
  ) as [string, string];
  w.loop(taps.count, (tap) => {
    const at = w.let(sum([index, taps.count], [tap, 1]));
    body(w.let(w.element(places, [at])), w.let(w.element(weights, [at])));
  });
}
