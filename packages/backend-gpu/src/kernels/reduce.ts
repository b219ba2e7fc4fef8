/** Folds over axes: sums, means, extremes, products; softmax and its logarithm. */
import type { OneOf } from '@decouple/backend';
import type { NodeOf } from '@decouple/ir';
import { hosted, type Delegation, type KernelContext, type KernelPlan } from '../kernel.ts';
import { range, type Coordinate, type Writer } from '../writer.ts';

/** Calls `body` within loops over every index of the given axes, with the coordinates that these replace. */
function forAxes(
  w: Writer,
  shape: readonly number[],
  axes: readonly number[],
  coordinates: readonly Coordinate[],
  body: (coordinates: readonly Coordinate[]) => void,
): void {
  const [axis, ...rest] = axes;
  if (axis === undefined) {
    body(coordinates);
    return;
  }
  w.loop(shape[axis] as number, (index) =>
    forAxes(w, shape, rest, coordinates.with(axis, index), body),
  );
}

const folds = {
  sum: { start: '0.0', step: (total: string, x: string) => `${total} + ${x}` },
  mean: { start: '0.0', step: (total: string, x: string) => `${total} + ${x}` },
  prod: { start: '1.0', step: (total: string, x: string) => `${total} * ${x}` },
  max: { start: '(-3.4e38)', step: (total: string, x: string) => `Math.max(${total}, ${x})` },
  min: { start: '3.4e38', step: (total: string, x: string) => `Math.min(${total}, ${x})` },
} as const;

export function reduce(node: NodeOf<'reduce'>, context: KernelContext): KernelPlan | Delegation {
  const [input, output] = [node.inputs[0] as string, node.outputs[0] as string];
  const from = context.storage(input);
  if (!from || !context.storage(output)) return hosted;
  const { shape } = from;
  const axes = node.attrs.axes.map((axis) => (axis < 0 ? axis + shape.length : axis));
  const w = context.writer(output);
  const own = w.own();
  const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const coordinates = shape.map((_, axis): Coordinate => {
    if (axes.includes(axis)) return '0';
    return own[node.attrs.keepDims ? axis : kept.indexOf(axis)] as Coordinate;
  });
  const { start, step } = folds[node.attrs.kind];
  const totals = range(w.target.lanes).map(() => w.variable(start));
  forAxes(w, shape, axes, coordinates, (at) =>
    w.read(input, at).forEach((x, lane) => {
      const total = totals[lane] as string;
      w.line(`${total} = ${step(total, x)};`);
    }),
  );
  const count = axes.reduce((product, axis) => product * (shape[axis] as number), 1);
  const lanes = node.attrs.kind === 'mean' ? totals.map((total) => `${total} / ${count}`) : totals;
  return { kernel: `reduce ${node.attrs.kind}`, launches: [w.launch(lanes)] };
}

/** Every thread finds the maximum and the sum along the axis for itself. */
export function softmax(
  node: OneOf<'softmax' | 'log-softmax'>,
  context: KernelContext,
): KernelPlan | Delegation {
  const [input, output] = [node.inputs[0] as string, node.outputs[0] as string];
  const from = context.storage(input);
  if (!from || !context.storage(output)) return hosted;
  const axis = node.attrs.axis < 0 ? node.attrs.axis + from.shape.length : node.attrs.axis;
  const w = context.writer(output);
  const along = axis === from.laneAxis;
  const lines = range(along ? 1 : w.target.lanes);
  const largest = lines.map(() => w.variable('(-3.4e38)'));
  const sums = lines.map(() => w.variable('0.0'));
  const each = (body: (x: string, line: number) => void): void =>
    forAxes(w, from.shape, [axis], w.own(), (at) => {
      const lanes = w.read(input, at);
      lines.forEach((line) => body(lanes[line] as string, line));
    });
  each((x, line) => w.line(`${largest[line]} = Math.max(${largest[line]}, ${x});`));
  each((x, line) => w.line(`${sums[line]} += Math.exp(${x} - ${largest[line]});`));
  const lanes = w.read(input, w.own()).map((x, lane) => {
    const line = along ? 0 : lane;
    const shifted = `${x} - ${largest[line]}`;
    return w.let(
      node.op === 'softmax'
        ? `Math.exp(${shifted}) / ${sums[line]}`
        : `${shifted} - Math.log(${sums[line]})`,
    );
  });
  return { kernel: node.op, launches: [w.launch(lanes)] };
}
