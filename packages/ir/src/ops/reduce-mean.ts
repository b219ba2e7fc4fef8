import { reshaped, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { sameChannels } from '../channels.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { meanOver } from '../mean.ts';
import { randomFloats } from '../sampling.ts';
import { floatInput, normalizeAxes } from '../shapes.ts';
import type { Dim, ValueType } from '../types.ts';

const attrs = z.strictObject({
  axes: z.array(z.int()).min(1).describe('axes to average over; negative counts from the end'),
  keepDims: z.boolean().default(true).describe('whether the axes stay, with size 1'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, attrs: Attrs): ValueType[] {
  const { dtype, shape } = floatInput(inputs[0], 'x');
  const axes = normalizeAxes(attrs.axes, shape.length);
  const kept = shape.flatMap<Dim>((dim, axis) =>
    axes.includes(axis) ? (attrs.keepDims ? [1] : []) : [dim],
  );
  return [{ dtype, shape: kept }];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [number[], number[], boolean][] = [
    [[5], [0], false],
    [[2, 7, 5, 3], [2, 3], true],
    [[2, 7, 5, 3], [2, 3], false],
    [[2, 7, 5, 3], [-1, -2], false],
    [[2, 7, 5, 3], [1], true],
    [[3, 9], [1], true],
    [[3, 4, 5], [0, 1, 2], false],
    [[3, 4, 5], [0, 2], true],
  ];
  return cases.map(([shape, axes, keepDims]) => ({
    name: `[${shape.join(',')}] over ${axes.join(',')}${keepDims ? ', kept' : ''}`,
    inputs: [randomFloats(random, shape)],
    attrs: { axes, keepDims },
  }));
}

export const reduceMean = defineOp({
  kind: 'reduce-mean',
  doc: 'Mean over axes.',
  inputs: [{ name: 'x' }],
  attrs,
  infer,
  channels: (inputs, { axes, keepDims }, outputs) => {
    const reduced = normalizeAxes(axes, inputs[0]?.shape.length ?? 0);
    const moved = reduced.includes(1) || (reduced.includes(0) && !keepDims);
    return moved ? undefined : sameChannels(inputs, undefined, outputs);
  },
  reference: (inputs, attrs) => {
    const x = inputs[0] as Tensor;
    const mean = meanOver(x, normalizeAxes(attrs.axes, x.shape.length));
    const shape = infer([{ dtype: x.dtype, shape: x.shape }], attrs)[0]?.shape as number[];
    return [reshaped(mean, shape)];
  },
  samples,
});
