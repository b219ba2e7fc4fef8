/**
 * x interpolated to other sizes along some axes, one axis after the other (interpolation.ts). The result's sizes are
 * `sizes`, or ⌊size · scale⌋ for `scales`; coordinates are computed with the scales, or else the quotient of sizes.
 * `keepAspectRatio` takes the smallest or largest quotient for all axes. A text in `sizes` is a symbolic dimension.
 */
import { float32, floats, ModelError, sizeOf, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { channelsBeside } from '../channels.ts';
import { divideDim, multiplyDims } from '../dims.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { coordinateModes, interpolate, nearestModes, type Tap } from '../interpolation.ts';
import { gatherElements } from '../loops.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { floatInput, normalizeAxes, required } from '../shapes.ts';
import { typeOfTensor, type Dim, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  axes: z.array(z.int()).describe('axes to resize; negative counts from the end'),
  sizes: z
    .array(z.union([z.int().min(0), z.string().min(1)]))
    .nullable()
    .default(null)
    .describe('new sizes, per axis: a size or a symbol'),
  scales: z
    .array(z.number().positive())
    .nullable()
    .default(null)
    .describe('factors in place of sizes, per axis'),
  keepAspectRatio: z
    .enum(['stretch', 'not_larger', 'not_smaller'])
    .default('stretch')
    .describe('whether all axes have one factor, so that no size, or every one, exceeds the given'),
  mode: z.enum(['nearest', 'linear', 'cubic']).default('nearest').describe('interpolation'),
  coordinates: z
    .enum(coordinateModes)
    .default('half_pixel')
    .describe('which place of x a place of the result stands for'),
  nearest: z.enum(nearestModes).default('round_prefer_floor').describe('rounding in mode nearest'),
  cubicA: z.number().default(-0.75).describe('coefficient of the cubic kernel'),
  excludeOutside: z
    .boolean()
    .default(false)
    .describe('whether places outside x weigh nothing instead of repeating the border'),
  antialias: z.boolean().default(false).describe('whether the kernel is stretched when shrinking'),
  roi: z
    .array(z.number())
    .nullable()
    .default(null)
    .describe('region of tf_crop_and_resize: starts, then ends, in multiples of the axes'),
  extrapolation: z.number().default(0).describe('value outside x in tf_crop_and_resize'),
});
type Attrs = z.output<typeof attrs>;

/** Fractions to take a factor for when the size is symbolic. */
const maxDenominator = 1024;

/** ⌊size · scale⌋ as float32 computes it. */
function scaled(size: Dim, scale: number): Dim {
  if (typeof size === 'number') return Math.floor(Math.fround(size * Math.fround(scale)));
  for (let below = 1; below <= maxDenominator; below++) {
    const above = Math.round(scale * below);
    if (Math.fround(above / below) === Math.fround(scale))
      return divideDim(multiplyDims([size, above]), below, 'floor');
  }
  throw new ModelError(`a symbolic size can't be multiplied by ${scale}, which is no fraction`);
}

interface Resized {
  readonly size: Dim;
  /** Absent: the quotient of sizes. */
  readonly scale?: number;
}

/** All axes with one factor. */
function inProportion(before: readonly Dim[], after: readonly Dim[], attrs: Attrs): Resized[] {
  const all = [...before, ...after];
  if (!all.every((dim) => typeof dim === 'number'))
    throw new ModelError('sizes must be known to keep the aspect ratio');
  const quotients = after.map((size, place) => (size as number) / (before[place] as number));
  const choose = attrs.keepAspectRatio === 'not_larger' ? Math.min : Math.max;
  const scale = quotients.reduce((a, b) => choose(a, b));
  return before.map((size) => ({ size: Math.floor(scale * (size as number) + 0.5), scale }));
}

/** New size and scale of each axis in `axes`. */
function resizedAxes(shape: readonly Dim[], axes: readonly number[], attrs: Attrs): Resized[] {
  const { sizes, scales, roi } = attrs;
  const list = sizes ?? scales;
  if (!list || (sizes && scales)) throw new ModelError('either sizes or scales must be given');
  if (list.length !== axes.length || (roi && roi.length !== 2 * axes.length))
    throw new ModelError(`axes [${axes.join(',')}] and [${list.join(',')}] differ in length`);
  const before = axes.map((axis) => shape[axis] as Dim);
  if (scales)
    return scales.map((scale, place) => ({ size: scaled(before[place] as Dim, scale), scale }));
  if (attrs.keepAspectRatio !== 'stretch') return inProportion(before, sizes ?? [], attrs);
  return (sizes ?? []).map((size) => ({ size }));
}

function infer(inputs: InputTypes, attrs: Attrs): ValueType[] {
  const x = attrs.mode === 'nearest' ? required(inputs[0], 'x') : floatInput(inputs[0], 'x');
  const axes = normalizeAxes(attrs.axes, x.shape.length);
  const resized = resizedAxes(x.shape, axes, attrs);
  const shape = x.shape.map((dim, axis) => resized[axes.indexOf(axis)]?.size ?? dim);
  return [{ dtype: x.dtype, shape }];
}

/** What each place along each axis is made of. */
function tapsOf(shape: readonly number[], attrs: Attrs): (Tap[] | undefined)[][] {
  const axes = normalizeAxes(attrs.axes, shape.length);
  const resized = resizedAxes(shape, axes, attrs);
  return shape.map((input, axis) => {
    const place = axes.indexOf(axis);
    const found = resized[place];
    if (!found) return Array.from({ length: input }, (_, at): Tap[] => [[at, 1]]);
    if (typeof found.size === 'string')
      throw new ModelError(`size ${found.size} is a symbol; bind it first`);
    const region = [attrs.roi?.[place] ?? 0, attrs.roi?.[place + axes.length] ?? 1] as const;
    const scale = found.scale ?? found.size / input;
    return interpolate({ ...attrs, input, output: found.size, scale, region });
  });
}

/** One axis of x as weighted sums of its places. */
function blend(x: Tensor, axis: number, taps: readonly (readonly Tap[])[]): Tensor {
  const shape = x.shape.map((size, place) => (place === axis ? taps.length : size));
  const [rows, below] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  const size = x.shape[axis] as number;
  const data = floats(x, 'x');
  const out = new Float32Array(sizeOf(shape));
  let at = 0;
  for (let row = 0; row < rows; row++)
    for (const line of taps)
      for (let column = 0; column < below; column++) {
        let sum = 0;
        for (const [place, weight] of line)
          sum += weight * (data[(row * size + place) * below + column] as number);
        out[at++] = sum;
      }
  return float32(shape, out);
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const x = inputs[0] as Tensor;
  const shape = infer([typeOfTensor(x)], attrs)[0]?.shape as number[];
  const taps = tapsOf(x.shape, attrs);
  const place = (index: readonly number[]): number[] | undefined => {
    const from = index.map((at, axis) => taps[axis]?.[at]?.[0]?.[0] ?? -1);
    return from.includes(-1) ? undefined : from;
  };
  if (attrs.mode === 'nearest') return [gatherElements(x, shape, place, attrs.extrapolation)];
  const blended = taps.reduce(
    (value, lines, axis) =>
      blend(
        value,
        axis,
        lines.map((line) => line ?? []),
      ),
    x,
  );
  if (taps.every((lines) => !lines.includes(undefined))) return [blended];
  const inside = (index: readonly number[]): readonly number[] | undefined =>
    index.every((at, axis) => taps[axis]?.[at]) ? index : undefined;
  return [gatherElements(blended, shape, inside, attrs.extrapolation)];
}

const axes = [2, 3];

/** Every mode with every kind of coordinates, to larger and to smaller sizes. */
function combinations(): [string, number[], z.input<typeof attrs>][] {
  const modes = ['nearest', 'linear', 'cubic'] as const;
  return modes.flatMap((mode) =>
    coordinateModes
      .filter(
        (coordinates) =>
          coordinates !== 'tf_crop_and_resize' && coordinates !== 'half_pixel_symmetric',
      )
      .flatMap((coordinates): [string, number[], z.input<typeof attrs>][] => [
        [
          `${mode}, ${coordinates}, larger`,
          [1, 2, 4, 5],
          { axes, sizes: [7, 9], mode, coordinates },
        ],
        [
          `${mode}, ${coordinates}, smaller`,
          [2, 3, 8, 7],
          { axes, sizes: [3, 4], mode, coordinates },
        ],
      ]),
  );
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [string, number[], z.input<typeof attrs>][] = [
    ['one pixel', [1, 3, 1, 1], { axes, scales: [2, 3] }],
    ['one channel, four times', [1, 1, 2, 2], { axes, scales: [4, 4] }],
    [
      'twice the size',
      [2, 5, 3, 4],
      { axes, scales: [2, 2], coordinates: 'asymmetric', nearest: 'floor' },
    ],
    ['three times, linear', [1, 8, 3, 4], { axes, scales: [3, 3], mode: 'linear' }],
    ['factors that do not divide', [1, 2, 4, 5], { axes, scales: [0.6, 1.7], mode: 'linear' }],
    [
      'rows only',
      [1, 2, 4, 3],
      { axes: [2], scales: [2], coordinates: 'asymmetric', nearest: 'floor' },
    ],
    ['no axes', [2, 3], { axes: [], sizes: [] }],
    [
      'without places outside',
      [1, 2, 5, 4],
      { axes, sizes: [3, 9], mode: 'cubic', excludeOutside: true, cubicA: -0.5 },
    ],
    ...nearestModes.map((nearest): [string, number[], z.input<typeof attrs>] => [
      nearest,
      [1, 2, 5, 6],
      { axes, sizes: [8, 4], nearest },
    ]),
    ...combinations(),
  ];
  return [
    ...cases.map(([name, shape, given]) => ({
      name,
      inputs: [randomFloats(random, shape)],
      attrs: attrs.parse(given),
    })),
    {
      name: 'cropped',
      inputs: [randomFloats(random, [1, 2, 5, 6])],
      attrs: attrs.parse({
        axes,
        sizes: [4, 5],
        mode: 'linear',
        coordinates: 'tf_crop_and_resize',
        roi: [0.2, -0.3, 0.9, 1.1],
        extrapolation: 7,
      }),
    },
    {
      name: 'int32',
      inputs: [randomIntegers(random, 'int32', [1, 1, 2, 3])],
      attrs: attrs.parse({ axes, scales: [2, 2] }),
    },
  ];
}

export const resize = defineOp({
  kind: 'resize',
  doc: 'x interpolated to other sizes along some axes.',
  inputs: [{ name: 'x' }],
  attrs,
  infer,
  channels: (inputs, { axes }, outputs) => channelsBeside(axes, inputs, outputs),
  reference,
  samples,
});
