/**
 * Grouped two-dimensional convolution (cross-correlation), with what backends fuse into it:
 *
 *   y[n,o,u,v] = act( b[o] + Σ_{i,h,w} W[o,i,h,w] · x[n, g·I+i, u·s_h + h·d_h - top, v·s_w + w·d_w - left] + r[n,o,u,v] )
 *
 * x [N,C,H,W], W [O,C/groups,kh,kw], b [O], r like y. Depthwise is groups = C (O = C·multiplier), pointwise is 1×1.
 */
import {
  floats,
  float32,
  ModelError,
  normals,
  sizeOf,
  type Random,
  type Tensor,
} from '@decouple/tensor';
import { z } from 'zod';
import { activate, activationSchema, pair, sides } from '../attributes.ts';
import { channelsOf, type ChannelPlace, type ChannelRelation } from '../channels.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { floatInput, optionalOfType, staticDim, windowsShape } from '../shapes.ts';
import { formatType, elementsOf, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  stride: pair.default([1, 1]).describe('step of rows and columns'),
  pads: sides.default([0, 0, 0, 0]).describe('zero padding: top, left, bottom, right'),
  dilation: pair.default([1, 1]).describe('spacing of kernel rows and columns'),
  groups: z.int().min(1).default(1).describe('channel groups'),
  activation: activationSchema.default(null).describe('applied to the result'),
});
export type Conv2dAttrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { stride, pads, dilation, groups }: Conv2dAttrs): ValueType[] {
  const x = floatInput(inputs[0], 'x', 4);
  const weight = floatInput(inputs[1], 'weight', 4);
  const channels = staticDim(x, 1, 'x');
  const [outChannels, perGroup, rows, columns] = [0, 1, 2, 3].map((axis) =>
    staticDim(weight, axis, 'weight'),
  ) as [number, number, number, number];
  if (perGroup * groups !== channels || outChannels % groups !== 0)
    throw new ModelError(
      `${channels} input channels and weight ${formatType(weight)} don't fit ${groups} groups (expected weight [k·${groups},${channels / groups},kh,kw])`,
    );
  if (rows < 1 || columns < 1) throw new ModelError(`kernel is empty: ${formatType(weight)}`);
  optionalOfType(inputs[2], { dtype: 'float32', shape: [outChannels] }, 'bias');
  const kernel: [number, number] = [rows, columns];
  const out: ValueType = {
    dtype: 'float32',
    shape: windowsShape(x, outChannels, { kernel, stride, pads, dilation }),
  };
  optionalOfType(inputs[3], out, 'residual');
  return [out];
}

/** Rows of the weight go with the outputs, columns with the inputs; in groups, whole groups go together. */
function channels(
  [x, weight, bias, residual]: InputTypes,
  attrs: Conv2dAttrs,
): ChannelRelation<Conv2dAttrs> | undefined {
  const [inputs, outputs] = [channelsOf(x), weight?.shape[0]];
  if (inputs === undefined || typeof outputs !== 'number') return undefined;
  const { groups } = attrs;
  const rows = (block: number): ChannelPlace[] => [
    { input: 1, axis: 0, block },
    ...(bias ? [{ input: 2, axis: 0, block }] : []),
    ...(residual ? [{ input: 3, block }] : []),
    { output: 0, block },
  ];
  if (groups === 1)
    return {
      ties: [
        { count: outputs, places: rows(1) },
        { count: inputs, places: [{ input: 0 }, { input: 1, axis: 1 }] },
      ],
    };
  const places = [{ input: 0, block: inputs / groups }, ...rows(outputs / groups)];
  return {
    ties: [{ count: groups, places }],
    resize: ([left]) => ({ ...attrs, groups: left as number }),
  };
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Conv2dAttrs): Tensor[] {
  const [x, weight, bias, residual] = inputs as [Tensor, Tensor, Tensor?, Tensor?];
  const { stride, pads, dilation, groups, activation } = attrs;
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const [outChannels, perGroup, rows, columns] = weight.shape as [number, number, number, number];
  const types = [x, weight, bias, residual].map(
    (value) => value && { dtype: value.dtype, shape: value.shape },
  );
  const shape = (infer(types, attrs)[0] as ValueType).shape as number[];
  const [outRows, outColumns] = [shape[2] as number, shape[3] as number];
  const [input, kernel, offsets, addend] = [
    floats(x, 'x'),
    floats(weight, 'weight'),
    bias && floats(bias),
    residual && floats(residual),
  ];
  const out = new Float32Array(sizeOf(shape));
  const outPerGroup = outChannels / groups;
  let at = 0;
  for (let n = 0; n < batch; n++)
    for (let o = 0; o < outChannels; o++) {
      const firstChannel = Math.floor(o / outPerGroup) * perGroup;
      for (let u = 0; u < outRows; u++)
        for (let v = 0; v < outColumns; v++, at++) {
          let sum = offsets?.[o] ?? 0;
          for (let i = 0; i < perGroup; i++)
            for (let h = 0; h < rows; h++) {
              const row = u * stride[0] + h * dilation[0] - pads[0];
              if (row < 0 || row >= height) continue;
              const line = ((n * channels + firstChannel + i) * height + row) * width;
              const tap = ((o * perGroup + i) * rows + h) * columns;
              for (let w = 0; w < columns; w++) {
                const column = v * stride[1] + w * dilation[1] - pads[1];
                if (column >= 0 && column < width)
                  sum += (kernel[tap + w] as number) * (input[line + column] as number);
              }
            }
          out[at] = activate(activation, sum + (addend?.[at] ?? 0));
        }
    }
  return [float32(shape, out)];
}

interface Case {
  readonly name: string;
  readonly x: [number, number, number, number];
  readonly kernel: [number, number, number];
  readonly attrs?: Partial<Conv2dAttrs>;
  readonly bias?: boolean;
  readonly residual?: boolean;
}

const cases: Case[] = [
  { name: 'pointwise, odd channels', x: [1, 3, 5, 7], kernel: [5, 1, 1], bias: true },
  { name: 'pointwise, strided', x: [2, 8, 7, 6], kernel: [16, 1, 1], attrs: { stride: [2, 2] } },
  {
    name: '3x3 same',
    x: [1, 3, 8, 8],
    kernel: [16, 3, 3],
    attrs: { pads: [1, 1, 1, 1] },
    bias: true,
  },
  {
    name: '3x3 same, batch 3, relu',
    x: [3, 5, 6, 9],
    kernel: [7, 3, 3],
    attrs: { pads: [1, 1, 1, 1], activation: { kind: 'relu' } },
    bias: true,
  },
  {
    name: '3x3 stride 2',
    x: [1, 16, 9, 11],
    kernel: [33, 3, 3],
    attrs: { pads: [1, 1, 1, 1], stride: [2, 2] },
  },
  {
    name: '3x3 asymmetric pads',
    x: [1, 4, 6, 5],
    kernel: [8, 3, 3],
    attrs: { pads: [0, 2, 1, 0] },
    bias: true,
  },
  {
    name: '3x1, stride 2x1',
    x: [1, 6, 9, 7],
    kernel: [10, 3, 1],
    attrs: { pads: [1, 0, 1, 0], stride: [2, 1] },
  },
  {
    name: '1x3, stride 1x2',
    x: [2, 6, 7, 9],
    kernel: [10, 1, 3],
    attrs: { pads: [0, 1, 0, 1], stride: [1, 2] },
  },
  { name: '5x5 valid', x: [1, 2, 9, 9], kernel: [4, 5, 5] },
  {
    name: '7x7 stride 2',
    x: [1, 3, 20, 21],
    kernel: [20, 7, 7],
    attrs: { pads: [3, 3, 3, 3], stride: [2, 2] },
    bias: true,
  },
  { name: '2x2 even kernel', x: [1, 4, 5, 5], kernel: [4, 2, 2], attrs: { pads: [0, 0, 1, 1] } },
  {
    name: 'dilated',
    x: [1, 4, 11, 9],
    kernel: [6, 3, 3],
    attrs: { pads: [2, 2, 2, 2], dilation: [2, 2] },
  },
  {
    name: 'dilated per axis, strided',
    x: [1, 4, 11, 13],
    kernel: [6, 3, 3],
    attrs: { pads: [2, 3, 2, 3], dilation: [2, 3], stride: [1, 2] },
  },
  {
    name: 'groups 2',
    x: [1, 6, 6, 6],
    kernel: [10, 3, 3],
    attrs: { groups: 2, pads: [1, 1, 1, 1] },
    bias: true,
  },
  { name: 'groups 3, pointwise', x: [2, 9, 4, 5], kernel: [6, 1, 1], attrs: { groups: 3 } },
  {
    name: 'depthwise 3x3',
    x: [2, 13, 8, 7],
    kernel: [13, 3, 3],
    attrs: { groups: 13, pads: [1, 1, 1, 1] },
    bias: true,
  },
  {
    name: 'depthwise stride 2',
    x: [1, 16, 9, 9],
    kernel: [16, 3, 3],
    attrs: { groups: 16, pads: [1, 1, 1, 1], stride: [2, 2] },
  },
  {
    name: 'depthwise dilated',
    x: [1, 8, 9, 9],
    kernel: [8, 3, 3],
    attrs: { groups: 8, pads: [2, 2, 2, 2], dilation: [2, 2] },
  },
  {
    name: 'depthwise multiplier 3',
    x: [1, 5, 7, 7],
    kernel: [15, 3, 3],
    attrs: { groups: 5, pads: [1, 1, 1, 1] },
  },
  {
    name: 'depthwise 3x1 and 5 wide',
    x: [1, 4, 8, 8],
    kernel: [4, 3, 1],
    attrs: { groups: 4, pads: [1, 0, 1, 0] },
  },
  {
    name: 'grouped, 2 terms to 1 output',
    x: [1, 16, 6, 6],
    kernel: [8, 3, 3],
    attrs: { groups: 8, pads: [1, 1, 1, 1] },
    bias: true,
  },
  {
    name: 'residual and relu',
    x: [2, 8, 6, 6],
    kernel: [8, 3, 3],
    attrs: { pads: [1, 1, 1, 1], activation: { kind: 'relu' } },
    bias: true,
    residual: true,
  },
  {
    name: 'relu6',
    x: [1, 8, 6, 6],
    kernel: [16, 1, 1],
    attrs: { activation: { kind: 'clip', min: 0, max: 6 } },
  },
  {
    name: 'leaky relu',
    x: [1, 8, 6, 6],
    kernel: [12, 1, 1],
    attrs: { activation: { kind: 'leaky-relu', alpha: 0.1 } },
  },
  { name: 'one pixel', x: [1, 64, 1, 1], kernel: [64, 1, 1], bias: true },
  { name: '3x3 on one pixel', x: [1, 8, 1, 1], kernel: [8, 3, 3], attrs: { pads: [1, 1, 1, 1] } },
];

function samples(random: Random): Sample<Conv2dAttrs>[] {
  return cases.map((item) => {
    const full = attrs.parse(item.attrs ?? {});
    const [outChannels, rows, columns] = item.kernel;
    const perGroup = item.x[1] / full.groups;
    const value = (shape: number[]): Tensor => float32(shape, normals(random, sizeOf(shape)));
    const x = value(item.x);
    const weight = value([outChannels, perGroup, rows, columns]);
    const types = [x, weight].map(({ dtype, shape }) => ({ dtype, shape }));
    const out = infer(types, full)[0] as ValueType;
    return {
      name: item.name,
      inputs: [
        x,
        weight,
        item.bias ? value([outChannels]) : undefined,
        item.residual ? value(out.shape as number[]) : undefined,
      ],
      attrs: full,
    };
  });
}

export const conv2d = defineOp({
  kind: 'conv2d',
  doc: 'Grouped 2-D cross-correlation: x [N,C,H,W] * weight [O,C/groups,kh,kw] (+ bias [O]) (+ residual), then the activation.',
  inputs: [
    { name: 'x' },
    { name: 'weight' },
    { name: 'bias', optional: true },
    { name: 'residual', optional: true },
  ],
  attrs,
  infer,
  macs: (inputs, _attrs, outputs) => {
    const weight = inputs[1] as ValueType;
    const perOutput = elementsOf({ ...weight, shape: weight.shape.slice(1) });
    return elementsOf(outputs[0] as ValueType) * perOutput;
  },
  channels,
  reference,
  samples,
});
