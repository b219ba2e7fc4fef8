/** Element-wise ops of one float32 input: a record from one function of a number. */
import { float32, floats, type Tensor } from '@decouple/tensor';
import type { z } from 'zod';
import { sameChannels } from './channels.ts';
import { defineOp, type OpRecord } from './define-op.ts';
import { randomFloats } from './sampling.ts';
import { floatInput } from './shapes.ts';

interface UnaryOp<Kind extends string, Schema extends z.ZodObject> {
  readonly kind: Kind;
  readonly doc: string;
  readonly attrs: Schema;
  /** Attribute values to sample, as given to the schema. Default: `{}`. */
  readonly sampleAttrs?: readonly z.input<Schema>[];
  readonly apply: (value: number, attrs: z.output<Schema>) => number;
}

const sampleShapes = [[1, 3, 5, 7], [2, 17], [1, 16, 4, 4], [3]];

export function unaryOp<const Kind extends string, Schema extends z.ZodObject>(
  op: UnaryOp<Kind, Schema>,
): OpRecord<Kind, Schema> {
  return defineOp({
    kind: op.kind,
    doc: op.doc,
    inputs: [{ name: 'x' }],
    attrs: op.attrs,
    infer: (inputs) => [floatInput(inputs[0], 'x')],
    channels: sameChannels,
    reference: (inputs, attrs) => {
      const x = inputs[0] as Tensor;
      return [
        float32(
          x.shape,
          floats(x).map((value) => op.apply(value, attrs)),
        ),
      ];
    },
    samples: (random) =>
      (op.sampleAttrs ?? [{} as z.input<Schema>]).flatMap((attrs, index) =>
        sampleShapes.map((shape) => ({
          name: `[${shape.join(',')}] ${index}`,
          inputs: [randomFloats(random, shape, 3)],
          attrs: op.attrs.parse(attrs),
        })),
      ),
  });
}
