/**
 * Grouped two-dimensional transposed convolution: every element of x adds its multiple of the kernel to the result,
 *
 *   y[n,o,u,v] = b[o] + Σ_{i,h,w} x[n,i,p,q] · W[i,o mod O/g,h,w]   with u = p·s_h + h·d_h - top, v = q·s_w + w·d_w - left
 *
 * over the channels i of o's group. x [N,C,H,W], W [C,O/groups,kh,kw], b [O]. `pads` crop the result, and
 * `outputPadding` adds rows and columns at its end that hold what reaches them, or the bias alone.
 */
import { float32, floats, ModelError, sizeOf, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { pair, sides } from '../attributes.ts';
import { channelsOf, type ChannelPlace, type ChannelRelation } from '../channels.ts';
import { addToDim, multiplyDims } from '../dims.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { randomFloats } from '../sampling.ts';
import { floatInput, optionalOfType, staticDim } from '../shapes.ts';
import { elementsOf, formatType, typeOfTensor, type Dim, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  stride: pair.default([1, 1]).describe('distance of the kernels of neighbouring elements'),
  pads: sides.default([0, 0, 0, 0]).describe('cropped from the result: top, left, bottom, right'),
  dilation: pair.default([1, 1]).describe('spacing of kernel rows and columns'),
  outputPadding: z
    .tuple([z.int().min(0), z.int().min(0)])
    .default([0, 0])
    .describe('rows and columns added at the end of the result'),
  groups: z.int().min(1).default(1).describe('channel groups'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, attrs: Attrs): ValueType[] {
  const { stride, pads, dilation, outputPadding, groups } = attrs;
  const x = floatInput(inputs[0], 'x', 4);
  const weight = floatInput(inputs[1], 'weight', 4);
  const [inChannels, perGroup, ...kernel] = [0, 1, 2, 3].map((axis) =>
    staticDim(weight, axis, 'weight'),
  ) as [number, number, number, number];
  const channels = staticDim(x, 1, 'x');
  if (inChannels !== channels || channels % groups !== 0)
    throw new ModelError(
      `${channels} input channels and weight ${formatType(weight)} don't fit ${groups} groups (expected weight [${channels},k,kh,kw])`,
    );
  if (kernel.some((size) => size < 1))
    throw new ModelError(`kernel is empty: ${formatType(weight)}`);
  const outChannels = perGroup * groups;
  optionalOfType(inputs[2], { dtype: 'float32', shape: [outChannels] }, 'bias');
  const [rows, columns] = ([0, 1] as const).map((axis): Dim => {
    const reach = dilation[axis] * (kernel[axis] - 1) + 1;
    const cropped = pads[axis] + (pads[axis + 2] as number);
    // (size - 1) · stride + reach
    const full = addToDim(
      multiplyDims([x.shape[axis + 2] as Dim, stride[axis]]),
      reach - stride[axis],
    );
    const size = addToDim(full, outputPadding[axis] - cropped);
    if (typeof size === 'number' && size < 1)
      throw new ModelError(`pads [${pads.join(',')}] crop all of a result of ${full}`);
    return size;
  }) as [Dim, Dim];
  return [{ dtype: 'float32', shape: [x.shape[0] as Dim, outChannels, rows, columns] }];
}

/** Rows of the weight go with the inputs, columns with the outputs; in groups, whole groups go together. */
function channels(
  [x, weight, bias]: InputTypes,
  attrs: Attrs,
  [output]: readonly ValueType[],
): ChannelRelation<Attrs> | undefined {
  const [inputs, outputs] = [channelsOf(x), channelsOf(output)];
  if (inputs === undefined || outputs === undefined || !weight) return undefined;
  const { groups } = attrs;
  const from = (block: number): ChannelPlace[] => [
    { input: 0, block },
    { input: 1, axis: 0, block },
  ];
  const to = (block: number): ChannelPlace[] => [
    ...(bias ? [{ input: 2, axis: 0, block }] : []),
    { output: 0, block },
  ];
  if (groups === 1)
    return {
      ties: [
        { count: outputs, places: [{ input: 1, axis: 1 }, ...to(1)] },
        { count: inputs, places: from(1) },
      ],
    };
  return {
    ties: [{ count: groups, places: [...from(inputs / groups), ...to(outputs / groups)] }],
    resize: ([left]) => ({ ...attrs, groups: left as number }),
  };
}

/** Pairs of an element and a tap that add to each place of the result along one axis. */
function meetings(
  sizes: { readonly input: number; readonly output: number; readonly kernel: number },
  attrs: Attrs,
  axis: 0 | 1,
): (readonly [number, number])[][] {
  const found = Array.from({ length: sizes.output }, (): (readonly [number, number])[] => []);
  for (let from = 0; from < sizes.input; from++)
    for (let tap = 0; tap < sizes.kernel; tap++)
      found[from * attrs.stride[axis] + tap * attrs.dilation[axis] - attrs.pads[axis]]?.push([
        from,
        tap,
      ]);
  return found;
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const [x, weight, bias] = inputs as [Tensor, Tensor, Tensor?];
  const types = inputs.map((value) => value && typeOfTensor(value));
  const shape = (infer(types, attrs)[0] as ValueType).shape as [number, number, number, number];
  const [batch, outChannels, outRows, outColumns] = shape;
  const [, channels, height, width] = x.shape as [number, number, number, number];
  const [, perGroup, rows, columns] = weight.shape as [number, number, number, number];
  const [input, kernel, offsets] = [floats(x, 'x'), floats(weight), bias && floats(bias)];
  const vertical = meetings({ input: height, output: outRows, kernel: rows }, attrs, 0);
  const horizontal = meetings({ input: width, output: outColumns, kernel: columns }, attrs, 1);
  const inPerGroup = channels / attrs.groups;
  const out = new Float32Array(sizeOf(shape));
  let at = 0;
  for (let n = 0; n < batch; n++)
    for (let o = 0; o < outChannels; o++) {
      const first = Math.floor(o / perGroup) * inPerGroup;
      for (const row of vertical)
        for (const column of horizontal) {
          let sum = offsets?.[o] ?? 0;
          for (let i = first; i < first + inPerGroup; i++)
            for (const [p, h] of row)
              for (const [q, w] of column)
                sum +=
                  (input[((n * channels + i) * height + p) * width + q] as number) *
                  (kernel[((i * perGroup + (o % perGroup)) * rows + h) * columns + w] as number);
          out[at++] = sum;
        }
    }
  return [float32(shape, out)];
}

interface Case {
  readonly name: string;
  readonly x: [number, number, number, number];
  /** Output channels per group, rows, columns. */
  readonly kernel: [number, number, number];
  readonly attrs?: z.input<typeof attrs>;
  readonly bias?: boolean;
}

const cases: Case[] = [
  { name: 'one pixel', x: [1, 3, 1, 1], kernel: [5, 2, 3], bias: true },
  { name: '3x3', x: [1, 4, 5, 6], kernel: [3, 3, 3], bias: true },
  { name: '2x2 stride 2', x: [2, 8, 4, 5], kernel: [4, 2, 2], attrs: { stride: [2, 2] } },
  {
    name: '4x4 stride 2, padded',
    x: [1, 5, 6, 4],
    kernel: [7, 4, 4],
    attrs: { stride: [2, 2], pads: [1, 1, 1, 1] },
    bias: true,
  },
  {
    name: '3x3 stride 2, padded, output padding',
    x: [1, 3, 4, 5],
    kernel: [6, 3, 3],
    attrs: { stride: [2, 2], pads: [1, 1, 1, 1], outputPadding: [1, 1] },
    bias: true,
  },
  {
    name: 'asymmetric',
    x: [1, 2, 5, 4],
    kernel: [3, 3, 2],
    attrs: { stride: [3, 1], pads: [0, 1, 2, 0], outputPadding: [2, 0] },
  },
  {
    name: 'dilated',
    x: [1, 2, 4, 5],
    kernel: [3, 2, 3],
    attrs: { dilation: [3, 2], stride: [1, 2], pads: [1, 0, 0, 2] },
  },
  { name: 'groups 2', x: [2, 6, 3, 4], kernel: [5, 3, 3], attrs: { groups: 2 }, bias: true },
  {
    name: 'depthwise, twice the size',
    x: [1, 5, 4, 4],
    kernel: [1, 4, 4],
    attrs: { groups: 5, stride: [2, 2], pads: [1, 1, 1, 1] },
  },
  { name: 'gaps between kernels', x: [1, 2, 3, 3], kernel: [2, 1, 2], attrs: { stride: [3, 4] } },
];

const samples = (random: Random): Sample<Attrs>[] =>
  cases.map(({ name, x, kernel, bias, attrs: given }) => {
    const full = attrs.parse(given ?? {});
    const weight = randomFloats(random, [x[1], ...kernel]);
    const offsets = bias ? randomFloats(random, [kernel[0] * full.groups]) : undefined;
    return { name, inputs: [randomFloats(random, x), weight, offsets], attrs: full };
  });

export const convTranspose2d = defineOp({
  kind: 'conv-transpose2d',
  doc: 'Grouped 2-D transposed convolution: x [N,C,H,W], weight [C,O/groups,kh,kw] (+ bias [O]), to [N,O,(H-1)·stride+…,…].',
  inputs: [{ name: 'x' }, { name: 'weight' }, { name: 'bias', optional: true }],
  attrs,
  infer,
  macs: (inputs) => {
    const weight = inputs[1] as ValueType;
    const perElement = elementsOf({ ...weight, shape: weight.shape.slice(1) });
    return elementsOf(inputs[0] as ValueType) * perElement;
  },
  channels,
  reference,
  samples,
});
