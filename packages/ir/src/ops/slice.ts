/**
 * Regular parts of a tensor: along each listed axis the elements start, start + step, … before end. Negative starts and
 * ends count from the end, and both are clamped to the axis as in NumPy: for a negative step that includes element 0,
 * give an end below -size. A symbolic size is taken to be large enough for the bounds given.
 */
import { ModelError, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { addToDim, divideDim, subtractDims } from '../dims.ts';
import { channelsOf, sameChannels, type ChannelRelation } from '../channels.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { gatherElements } from '../loops.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { normalizeAxes, required } from '../shapes.ts';
import type { Dim, ValueType } from '../types.ts';

const attrs = z.strictObject({
  axes: z.array(z.int()).describe('axes to cut; negative counts from the end'),
  starts: z.array(z.int()).describe('first element, per axis'),
  ends: z.array(z.int()).describe('element to stop before, per axis'),
  steps: z.array(z.int()).describe('distance of elements, per axis; negative runs backwards'),
});
type Attrs = z.output<typeof attrs>;

interface Range {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Bounds from here on mean the ends of a symbolic axis. */
const unbounded = 2 ** 30;

/** First element and number of elements along an axis of known size. */
function resolve(size: number, { start, end, step }: Range): { first: number; count: number } {
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (bound: number): number =>
    Math.min(Math.max(bound < 0 ? bound + size : bound, low), high);
  const first = clamp(start);
  return { first, count: Math.max(0, Math.ceil((clamp(end) - first) / step)) };
}

/** Number of elements along an axis of unknown size. */
function symbolicCount(size: string, { start, end, step }: Range): Dim {
  const [lowest, highest] = step > 0 ? [0, size] : [-1, addToDim(size, -1)];
  const bound = (value: number): Dim => {
    if (Math.abs(value) >= unbounded) return value < 0 ? lowest : highest;
    return value < 0 ? addToDim(size, value) : value;
  };
  const length =
    step > 0 ? subtractDims(bound(end), bound(start)) : subtractDims(bound(start), bound(end));
  const count = divideDim(length, Math.abs(step), 'ceil');
  return typeof count === 'number' ? Math.max(0, count) : count;
}

function rangesOf(rank: number, attrs: Attrs): Map<number, Range> {
  const { starts, ends, steps } = attrs;
  const axes = normalizeAxes(attrs.axes, rank);
  if ([starts, ends, steps].some((list) => list.length !== axes.length))
    throw new ModelError(
      `axes, starts, ends and steps differ in length: ${axes.length}, ${starts.length}, ${ends.length}, ${steps.length}`,
    );
  if (steps.includes(0)) throw new ModelError(`steps [${steps.join(',')}] must not be 0`);
  return new Map(
    axes.map((axis, place) => [
      axis,
      {
        start: starts[place] as number,
        end: ends[place] as number,
        step: steps[place] as number,
      },
    ]),
  );
}

function infer(inputs: InputTypes, attrs: Attrs): ValueType[] {
  const { dtype, shape } = required(inputs[0], 'x');
  const ranges = rangesOf(shape.length, attrs);
  const cut = shape.map((size, axis) => {
    const range = ranges.get(axis);
    if (!range) return size;
    return typeof size === 'number' ? resolve(size, range).count : symbolicCount(size, range);
  });
  return [{ dtype, shape: cut }];
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const x = inputs[0] as Tensor;
  const ranges = rangesOf(x.shape.length, attrs);
  const lines = x.shape.map((size, axis) => {
    const range = ranges.get(axis) ?? { start: 0, end: size, step: 1 };
    return { ...resolve(size, range), step: range.step };
  });
  const shape = lines.map(({ count }) => count);
  const source = (index: readonly number[]): number[] =>
    lines.map(({ first, step }, axis) => first + (index[axis] as number) * step);
  return [gatherElements(x, shape, source)];
}

/** Of axis 1 alone it is a choice of channels; of others it leaves them as they are. */
function channels(
  inputs: InputTypes,
  attrs: Attrs,
  outputs: readonly ValueType[],
): ChannelRelation<Attrs> | undefined {
  const [x] = inputs as [ValueType];
  const ranges = rangesOf(x.shape.length, attrs);
  const range = ranges.get(1);
  if (!range) return sameChannels(inputs, attrs, outputs);
  const count = channelsOf(x);
  if (count === undefined || ranges.size > 1) return undefined;
  const line = resolve(count, range);
  return {
    picks: Array.from({ length: line.count }, (_, place) => line.first + place * range.step),
  };
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [string, number[], Attrs][] = [
    ['nothing cut', [2, 3], { axes: [], starts: [], ends: [], steps: [] }],
    ['channels', [2, 7, 4, 3], { axes: [1], starts: [2], ends: [5], steps: [1] }],
    [
      'rows and columns',
      [1, 3, 6, 7],
      { axes: [2, 3], starts: [1, 0], ends: [5, 6], steps: [1, 1] },
    ],
    ['negative bounds', [1, 3, 6, 7], { axes: [-1], starts: [-5], ends: [-1], steps: [1] }],
    ['end beyond', [4, 5], { axes: [0, 1], starts: [1, 2], ends: [99, 2 ** 31], steps: [1, 1] }],
    ['steps 2 and 3', [1, 2, 7, 8], { axes: [2, 3], starts: [0, 1], ends: [7, 8], steps: [2, 3] }],
    ['reversed', [2, 5], { axes: [1], starts: [-1], ends: [-99], steps: [-1] }],
    ['backwards by 2', [2, 8, 3], { axes: [1], starts: [6], ends: [0], steps: [-2] }],
    ['start beyond, backwards', [6], { axes: [0], starts: [99], ends: [-5], steps: [-1] }],
    ['batch', [3, 2, 2, 2], { axes: [0], starts: [1], ends: [2], steps: [1] }],
  ];
  return [
    ...cases.map(([name, shape, attrs]) => ({
      name,
      inputs: [randomFloats(random, shape)],
      attrs,
    })),
    {
      name: 'int64',
      inputs: [randomIntegers(random, 'int64', [4])],
      attrs: { axes: [0], starts: [2], ends: [4], steps: [1] },
    },
  ];
}

export const slice = defineOp({
  kind: 'slice',
  doc: 'Regular part of x: elements start, start + step, … before end along each listed axis.',
  inputs: [{ name: 'x' }],
  attrs,
  infer,
  channels,
  reference,
  samples,
});
