import { reshaped, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { sameChannels } from '../channels.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { reduceOver } from '../reduce.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { inputOf, normalizeAxes, numeric, reducedShape, required } from '../shapes.ts';
import type { ValueType } from '../types.ts';

const kinds = ['sum', 'mean', 'max', 'min', 'prod'] as const;

const attrs = z.strictObject({
  kind: z.enum(kinds).describe('what is made of the elements'),
  axes: z.array(z.int()).min(1).describe('axes to reduce; negative counts from the end'),
  keepDims: z.boolean().default(true).describe('whether the axes stay, with size 1'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { kind, axes, keepDims }: Attrs): ValueType[] {
  const orders = kind === 'max' || kind === 'min';
  const { dtype, shape } = orders ? required(inputs[0], 'x') : inputOf(inputs[0], 'x', numeric);
  return [{ dtype, shape: reducedShape(shape, normalizeAxes(axes, shape.length), keepDims) }];
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
  return kinds.flatMap((kind) => [
    ...cases.map(([shape, axes, keepDims]) => ({
      name: `${kind} of [${shape.join(',')}] over ${axes.join(',')}${keepDims ? ', kept' : ''}`,
      inputs: [randomFloats(random, shape)],
      attrs: { kind, axes, keepDims },
    })),
    {
      name: `${kind} of int32`,
      inputs: [randomIntegers(random, 'int32', [3, 4], 9)],
      attrs: { kind, axes: [1], keepDims: true },
    },
  ]);
}

export const reduce = defineOp({
  kind: 'reduce',
  doc: 'Sum, mean, maximum, minimum or product over axes.',
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
    const axes = normalizeAxes(attrs.axes, x.shape.length);
    const shape = reducedShape(x.shape, axes, attrs.keepDims) as number[];
    return [reshaped(reduceOver(x, axes, attrs.kind), shape)];
  },
  samples,
});
