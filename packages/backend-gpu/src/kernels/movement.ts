/** Ops that move elements and compute nothing. */
import type { OneOf } from '@decouple/backend';
import type { NodeOf } from '@decouple/ir';
import { sizeOf } from '@decouple/tensor';
import {
  hosted,
  type Delegation,
  type KernelContext,
  type KernelPlan,
  type Planned,
} from '../kernel.ts';
import { sameTexels } from '../storage.ts';
import { literal, range, sum, type Coordinate, type Launch, type Writer } from '../writer.ts';
import { broadcast } from './elementwise.ts';

/** Indices are floats: beyond, quotients of them may be off by one. */
const mostIndexed = 2 ** 22;

interface MovingNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** A kernel that reads its one input at other coordinates. */
function moved(
  node: MovingNode,
  context: KernelContext,
  coordinates: (w: Writer, input: string) => Coordinate[],
): KernelPlan | Delegation {
  const [input, output] = [node.inputs[0] as string, node.outputs[0] as string];
  if (!context.storage(input) || !context.storage(output)) return hosted;
  const w = context.writer(output);
  return { kernel: node.op, launches: [w.launch(w.read(input, coordinates(w, input)))] };
}

/** The thread's index along an axis, for a lane. */
const indexOf = (w: Writer, axis: number, lane: number): string =>
  axis === w.storage.laneAxis ? w.channel(lane) : (w.position[axis] as string);

/** A coordinate made from the thread's index along an axis; alike in all lanes unless the axis is theirs. */
const from = (w: Writer, axis: number, make: (index: string) => string): Coordinate =>
  axis === w.storage.laneAxis ? (lane) => make(w.channel(lane)) : make(w.position[axis] as string);

export function transpose(
  node: NodeOf<'transpose'>,
  context: KernelContext,
): KernelPlan | Delegation {
  const { permutation } = node.attrs;
  return moved(node, context, (w) => {
    const own = w.own();
    return own.map((_, axis) => own[Math.max(0, permutation.indexOf(axis))] as Coordinate);
  });
}

export const expand = (node: NodeOf<'expand'>, context: KernelContext): KernelPlan | Delegation =>
  moved(node, context, broadcast);

export function slice(node: NodeOf<'slice'>, context: KernelContext): KernelPlan | Delegation {
  return moved(node, context, (w, input) => {
    const { shape } = w.storageOf(input);
    const coordinates = w.own();
    node.attrs.axes.forEach((given, place) => {
      const axis = given < 0 ? given + shape.length : given;
      const size = shape[axis] as number;
      const [start, step] = [node.attrs.starts[place] as number, node.attrs.steps[place] as number];
      const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
      const first = Math.min(Math.max(start < 0 ? start + size : start, low), high);
      coordinates[axis] =
        step === 1 && axis === w.storage.laneAxis
          ? { offset: first }
          : from(w, axis, (index) => sum([index, step], [literal(first), 1]));
    });
    return coordinates;
  });
}

/** Branches are sums of integers: a number alone would be a float for GLSL. */
const clamped = (at: string, size: number): string =>
  `((${at}) < 0 ? (${at}) * 0 : ((${at}) > ${size - 1} ? (${at}) * 0 + ${size - 1} : (${at})))`;
const absolute = (of: string): string => `((${of}) < 0 ? (${of}) * (-1) : (${of}))`;

/** Where padding reads from, for a place along an axis that may lie outside. WebGL 1 has no functions of integers. */
const inward: Readonly<
  Record<'constant' | 'edge' | 'reflect', (at: string, size: number) => string>
> = {
  constant: clamped,
  edge: clamped,
  reflect: (at, size) => `(${size - 1} - ${absolute(`(${size - 1} - ${absolute(at)})`)})`,
};

export function pad(node: NodeOf<'pad'>, context: KernelContext): KernelPlan | Delegation {
  const { mode, pads, value } = node.attrs;
  const [input, output] = [node.inputs[0] as string, node.outputs[0] as string];
  const storage = context.storage(input);
  if (!storage || !context.storage(output)) return hosted;
  const { shape } = storage;
  const most = (axis: number): number =>
    Math.max(pads[axis] as number, pads[axis + shape.length] as number);
  if (mode === 'wrap' || (mode === 'reflect' && shape.some((size, axis) => most(axis) >= size)))
    return { delegate: `no kernel for padding in mode ${mode} by so much` };
  const w = context.writer(output);
  const padded = shape.map((_, axis) => axis).filter((axis) => pads[axis] || most(axis) > 0);
  const back = (index: string, axis: number): string =>
    sum([index, 1], [literal(-(pads[axis] as number)), 1]);
  const source = (axis: number, lane: number): string => back(indexOf(w, axis, lane), axis);
  const coordinates = w.own();
  for (const axis of padded)
    coordinates[axis] = from(w, axis, (index) =>
      inward[mode](back(index, axis), shape[axis] as number),
    );
  const lanes = w.read(input, coordinates);
  if (mode !== 'constant' || !padded.length) return { kernel: 'pad', launches: [w.launch(lanes)] };
  const filled = lanes.map((element, lane) => {
    const inside = padded.map(
      (axis) => `${source(axis, lane)} >= 0 && ${source(axis, lane)} < ${shape[axis]}`,
    );
    return `((${inside.join(' && ')}) ? ${element} : ${literal(value)})`;
  });
  return { kernel: 'pad', launches: [w.launch(filled)] };
}

/** Textures that one kernel may read; WebGL promises 16. */
const mostParts = 8;

/** One kernel that joins up to `mostParts` values along an axis. */
function joined(
  context: KernelContext,
  parts: readonly string[],
  output: string,
  axis: number,
): Launch {
  const w = context.writer(output);
  const results = range(w.target.lanes).map(() => w.variable('0.0'));
  const sizes = parts.map((part) => w.storageOf(part).shape[axis] as number);
  const starts = sizes.map((_, place) => sizes.slice(0, place).reduce((a, b) => a + b, 0));
  const along = axis === w.storage.laneAxis;
  const whole = starts.every((start) => start % w.target.lanes === 0);
  const copy = (place: number, lanes: readonly number[]): void => {
    const coordinates = w.own();
    const start = starts[place] as number;
    coordinates[axis] = along
      ? { offset: -start }
      : sum([w.position[axis] as string, 1], [literal(-start), 1]);
    const elements =
      along && !whole
        ? lanes.map((lane) =>
            w.element(
              parts[place] as string,
              coordinates.map((_, other) =>
                other === axis ? w.channel(lane, -start) : indexOf(w, other, lane),
              ),
            ),
          )
        : w.read(parts[place] as string, coordinates);
    lanes.forEach((lane, index) => w.line(`${results[lane]} = ${elements[index]};`));
  };
  const groups =
    along && !whole ? results.map((_, lane) => [lane]) : [results.map((_, lane) => lane)];
  for (const lanes of groups) {
    const index = w.let(indexOf(w, axis, lanes[0] as number));
    parts.forEach((_, place) => {
      const end = (starts[place] as number) + (sizes[place] as number);
      w.within(`if (${index} >= ${starts[place]} && ${index} < ${end})`, () => copy(place, lanes));
    });
  }
  return w.launch(results);
}

export function concat(node: NodeOf<'concat'>, context: KernelContext): KernelPlan | Delegation {
  const output = node.outputs[0] as string;
  const storage = context.storage(output);
  // Empty parts are nowhere.
  const shapes = node.inputs.map((input) => context.storage(input)?.shape);
  if (!storage || shapes.some((shape) => !shape)) return hosted;
  const { shape } = storage;
  const axis = node.attrs.axis < 0 ? node.attrs.axis + shape.length : node.attrs.axis;
  const launches: Launch[] = [];
  let parts = [...node.inputs];
  while (parts.length > mostParts) {
    const group = parts.slice(0, mostParts);
    const size = group.reduce(
      (total, part) => total + (context.storage(part)?.shape[axis] as number),
      0,
    );
    const temporary = context.temporary(shape.with(axis, size));
    if (temporary === undefined) return hosted;
    launches.push(joined(context, group, temporary, axis));
    parts = [temporary, ...parts.slice(mostParts)];
  }
  return { kernel: 'concat', launches: [...launches, joined(context, parts, output, axis)] };
}

type ReshapeKind = 'reshape' | 'flatten' | 'squeeze' | 'unsqueeze' | 'identity' | 'dropout';

/** The same elements under another shape: nothing to do where texels correspond. */
export function reshape(node: OneOf<ReshapeKind>, context: KernelContext): Planned {
  const [input, output] = [node.inputs[0] as string, node.outputs[0] as string];
  const [from, to] = [context.storage(input), context.storage(output)];
  if (!from || !to) return hosted;
  if (sameTexels(from, to)) return { alias: input };
  if (sizeOf(to.shape) > mostIndexed) return { delegate: 'too many elements to number in floats' };
  const w = context.writer(output);
  const lanes = range(w.target.lanes).map((lane) => {
    let size = 1;
    const terms: [string, number][] = [];
    for (let axis = to.shape.length - 1; axis >= 0; axis--) {
      terms.push([indexOf(w, axis, lane), size]);
      size *= to.shape[axis] as number;
    }
    return w.let(w.element(input, w.split(w.let(sum(...terms)), from.shape)));
  });
  return { kernel: node.op, launches: [w.launch(lanes)] };
}

/** y [N,C,H·b,W·b]: the block's row and column choose among the channels of x. */
export function depthToSpace(
  node: NodeOf<'depth-to-space'>,
  context: KernelContext,
): KernelPlan | Delegation {
  const { block, order } = node.attrs;
  return moved(node, context, (w) => {
    const channels = w.storage.shape[1] as number;
    const [row, inRow] = w.split(w.position[2] as string, [
      (w.storage.shape[2] as number) / block,
      block,
    ]) as [string, string];
    const [column, inColumn] = w.split(w.position[3] as string, [
      (w.storage.shape[3] as number) / block,
      block,
    ]) as [string, string];
    const within = sum([inRow, block], [inColumn, 1]);
    const channel = (lane: number): string =>
      order === 'DCR'
        ? sum([within, channels], [w.channel(lane), 1])
        : sum([w.channel(lane), block * block], [within, 1]);
    return [w.position[0] as string, channel, row, column];
  });
}
