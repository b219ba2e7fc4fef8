/** Ops that keep the elements and their order and change only the shape. */
import { reshaped, type Random, type Tensor } from '@decouple/tensor';
import type { z } from 'zod';
import { viewChannels } from './channels.ts';
import { defineOp, type OpRecord } from './define-op.ts';
import { randomFloats, randomIntegers } from './sampling.ts';
import { required } from './shapes.ts';
import type { Dim } from './types.ts';

interface ViewOp<Kind extends string, Schema extends z.ZodObject> {
  readonly kind: Kind;
  readonly doc: string;
  readonly attrs: Schema;
  /** The new shape. @throws ModelError when the attributes don't fit. */
  readonly shape: (shape: readonly Dim[], attrs: z.output<Schema>) => readonly Dim[];
  /** Input shapes and attributes to sample. */
  readonly cases: readonly (readonly [readonly number[], z.input<Schema>])[];
}

export function viewOp<const Kind extends string, Schema extends z.ZodObject>(
  op: ViewOp<Kind, Schema>,
): OpRecord<Kind, Schema> {
  const sample = (input: (random: Random, shape: readonly number[]) => Tensor, random: Random) =>
    op.cases.map(([shape, given]) => {
      const value = input(random, shape);
      return {
        name: `${value.dtype}[${shape.join(',')}] ${JSON.stringify(given)}`,
        inputs: [value],
        attrs: op.attrs.parse(given),
      };
    });
  return defineOp({
    kind: op.kind,
    doc: op.doc,
    inputs: [{ name: 'x' }],
    attrs: op.attrs,
    infer: (inputs, attrs) => {
      const { dtype, shape } = required(inputs[0], 'x');
      return [{ dtype, shape: op.shape(shape, attrs) }];
    },
    channels: ([x], _attrs, [y]) => viewChannels(x, y),
    reference: (inputs, attrs) => {
      const x = inputs[0] as Tensor;
      return [reshaped(x, op.shape(x.shape, attrs) as number[])];
    },
    samples: (random) => [
      ...sample(randomFloats, random),
      ...sample((_, shape) => randomIntegers(random, 'int64', shape), random).slice(0, 1),
    ],
  });
}
