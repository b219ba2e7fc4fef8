/**
 * Regions of feature maps, sampled on a grid (He et al. 2017, section 3): x [N,C,H,W], rois [R,4] as x1, y1, x2, y2 in
 * the input image's pixels, image [R] the index of each region's map; the result is [R,C,rows,columns]. Each bin is
 * the mean (or the largest) of bilinear samples spread evenly over it.
 */
import {
  float32,
  floats,
  int64,
  ModelError,
  numbersOf,
  sizeOf,
  type Random,
  type Tensor,
} from '@decouple/tensor';
import { z } from 'zod';
import { sameChannels } from '../channels.ts';
import { pair } from '../attributes.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { randomFloats } from '../sampling.ts';
import { floatInput, withRank } from '../shapes.ts';
import { formatType, typeOfTensor, type Dim, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  mode: z.enum(['average', 'max']).default('average').describe('how samples of a bin are joined'),
  output: pair.default([1, 1]).describe('rows and columns of bins'),
  samplingRatio: z
    .int()
    .min(0)
    .default(0)
    .describe('samples per bin along each axis; 0: as many as the bin has pixels'),
  scale: z.number().positive().default(1).describe('pixels of x per pixel of the image'),
  halfPixel: z
    .boolean()
    .default(true)
    .describe(
      'whether pixels have their coordinates at the centre; else regions are at least one pixel',
    ),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { output }: Attrs): ValueType[] {
  const x = floatInput(inputs[0], 'x', 4);
  const rois = floatInput(inputs[1], 'rois', 2);
  const image = withRank(inputs[2], 1, 'image');
  if (rois.shape[1] !== 4 || image.dtype !== 'int64')
    throw new ModelError(
      `rois must be float32[R,4] and image int64[R], got ${formatType(rois)} and ${formatType(image)}`,
    );
  return [{ dtype: 'float32', shape: [rois.shape[0] as Dim, x.shape[1] as Dim, ...output] }];
}

type Weights = readonly (readonly [place: number, weight: number])[];

/** The two places around a coordinate with their weights; nothing a whole pixel or more outside. */
function around(at: number, size: number): Weights {
  if (at < -1 || at > size) return [];
  const inside = Math.min(Math.max(at, 0), size - 1);
  const low = Math.floor(inside);
  return [
    [low, 1 - (inside - low)],
    [Math.min(low + 1, size - 1), inside - low],
  ];
}

/** Samples of a bin along one axis beyond which a region is taken for a mistake. */
const maxSamples = 4096;

/** The samples of each bin along one axis. */
function binsOf(
  start: number,
  length: number,
  size: number,
  count: number,
  ratio: number,
): Weights[][] {
  const bin = length / count;
  const samples = ratio || Math.max(0, Math.ceil(bin));
  if (!(samples <= maxSamples))
    throw new ModelError(
      `a region of ${length} pixels takes more than ${maxSamples} samples per bin`,
    );
  return Array.from({ length: count }, (_, place) =>
    Array.from({ length: samples }, (_, at) =>
      around(start + bin * (place + (at + 0.5) / samples), size),
    ),
  );
}

/** All samples of a bin. */
function sampleBin(
  map: Float32Array,
  width: number,
  rows: Weights[],
  columns: Weights[],
  mode: Attrs['mode'],
): number {
  const values = rows.flatMap((row) =>
    columns.map((column) => {
      const parts = row.flatMap(([h, a]) =>
        column.map(([w, b]) => a * b * (map[h * width + w] as number)),
      );
      // The largest is taken of the weighted pixels, as onnxruntime and the definition's own tests do.
      if (mode === 'max')
        return parts.reduce((a, b) => Math.max(a, b), parts.length ? -Infinity : 0);
      return parts.reduce((a, b) => a + b, 0);
    }),
  );
  if (!values.length) return 0;
  if (mode === 'max') return values.reduce((a, b) => Math.max(a, b));
  return values.reduce((a, b) => a + b) / values.length;
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const [x, rois, image] = inputs as [Tensor, Tensor, Tensor];
  const shape = infer([x, rois, image].map(typeOfTensor), attrs)[0]?.shape as number[];
  const { mode, output, samplingRatio, scale, halfPixel } = attrs;
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const [data, corners, images] = [floats(x, 'x'), floats(rois, 'rois'), numbersOf(image)];
  const out: number[] = [];
  for (let r = 0; r < (shape[0] as number); r++) {
    const n = images[r] as number;
    if (n < 0 || n >= batch)
      throw new ModelError(`image ${n} of region ${r} is not one of ${batch}`);
    const [x1, y1, x2, y2] = [0, 1, 2, 3].map(
      (at) => (corners[4 * r + at] as number) * scale - (halfPixel ? 0.5 : 0),
    ) as [number, number, number, number];
    const extent = (length: number): number => (halfPixel ? length : Math.max(length, 1));
    const rows = binsOf(y1, extent(y2 - y1), height, output[0], samplingRatio);
    const columns = binsOf(x1, extent(x2 - x1), width, output[1], samplingRatio);
    for (let c = 0; c < channels; c++) {
      const first = (n * channels + c) * height * width;
      const map = data.subarray(first, first + height * width);
      for (const row of rows)
        for (const column of columns) out.push(sampleBin(map, width, row, column, mode));
    }
  }
  if (out.length !== sizeOf(shape)) throw new ModelError(`image must hold ${shape[0]} numbers`);
  return [float32(shape, out)];
}

function samples(random: Random): Sample<Attrs>[] {
  const rois = float32([3, 4], [0, 0, 6, 5, 1.5, 2, 4, 7.5, -2, 3, 3, 12]);
  const cases: [string, z.input<typeof attrs>][] = [
    ['one bin', {}],
    ['3x2 bins', { output: [3, 2], samplingRatio: 2 }],
    ['half scale', { output: [2, 2], scale: 0.5 }],
    ['corners', { output: [2, 3], halfPixel: false }],
    ['largest', { output: [2, 2], mode: 'max', halfPixel: false, samplingRatio: 2 }],
  ];
  return cases.map(([name, given]) => ({
    name,
    inputs: [randomFloats(random, [2, 3, 7, 8]), rois, int64([0, 1, 0])],
    attrs: attrs.parse(given),
  }));
}

export const roiAlign = defineOp({
  kind: 'roi-align',
  doc: 'Regions rois [R,4] of maps x [N,C,H,W], sampled bilinearly: [R,C,rows,columns].',
  inputs: [{ name: 'x' }, { name: 'rois' }, { name: 'image' }],
  attrs,
  infer,
  channels: sameChannels,
  reference,
  samples,
});
