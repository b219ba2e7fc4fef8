/** Element-wise ops of one input: a record from one function of a number. */
import {
  allocate,
  elementsIn,
  isWide,
  tensor,
  type DType,
  type Random,
  type Tensor,
} from '@decouple/tensor';
import type { z } from 'zod';
import { sameChannels } from './channels.ts';
import { defineOp, type OpRecord, type Sample } from './define-op.ts';
import { randomFloats, randomIntegers } from './sampling.ts';
import { floating, inputOf, numeric } from './shapes.ts';

interface UnaryOp<Kind extends string, Schema extends z.ZodObject> {
  readonly kind: Kind;
  readonly doc: string;
  readonly attrs: Schema;
  /** Attribute values to sample, as given to the schema. Default: `{}`. */
  readonly sampleAttrs?: readonly z.input<Schema>[];
  readonly apply: (value: number, attrs: z.output<Schema>) => number;
  /** For whole numbers of 64 bits. Without it the op takes floats only. */
  readonly wide?: (value: bigint) => bigint;
  /** Values to sample, in place of normals times 3. */
  readonly sampleValues?: (random: Random, shape: readonly number[]) => Tensor<'float32'>;
}

const sampleShapes = [[1, 3, 5, 7], [2, 17], [1, 16, 4, 4], [3]];

/** `apply` to each element of `x`. */
export function mapElements<D extends DType>(
  x: Tensor<D>,
  apply: (element: number | bigint) => number | bigint,
): Tensor<D> {
  const out = allocate(x.dtype, x.data.length);
  const [from, to] = [elementsIn(x.data), elementsIn(out)];
  for (let index = 0; index < from.length; index++)
    to[index] = apply(from[index] as number | bigint);
  return tensor(x.dtype, x.shape, out);
}

function samplesOf<Schema extends z.ZodObject>(
  random: Random,
  op: UnaryOp<string, Schema>,
): Sample<z.output<Schema>>[] {
  const values = op.sampleValues ?? ((source, shape) => randomFloats(source, shape, 3));
  const floatCases = (op.sampleAttrs ?? [{} as z.input<Schema>]).flatMap((attrs, index) =>
    sampleShapes.map((shape) => ({
      name: `[${shape.join(',')}] ${index}`,
      inputs: [values(random, shape)],
      attrs: op.attrs.parse(attrs),
    })),
  );
  if (!op.wide) return floatCases;
  const wholeCases = (['int64', 'int32'] as const).map((dtype) => ({
    name: `${dtype}[5]`,
    inputs: [randomIntegers(random, dtype, [5])],
    attrs: op.attrs.parse({}),
  }));
  return [...floatCases, ...wholeCases];
}

export function unaryOp<const Kind extends string, Schema extends z.ZodObject>(
  op: UnaryOp<Kind, Schema>,
): OpRecord<Kind, Schema> {
  const { wide } = op;
  return defineOp({
    kind: op.kind,
    doc: op.doc,
    inputs: [{ name: 'x' }],
    attrs: op.attrs,
    infer: (inputs) => [inputOf(inputs[0], 'x', wide ? numeric : floating)],
    channels: sameChannels,
    reference: (inputs, attrs) => {
      const x = inputs[0] as Tensor;
      const apply =
        wide && isWide(x.dtype)
          ? (value: number | bigint) => wide(value as bigint)
          : (value: number | bigint) => op.apply(value as number, attrs);
      return [mapElements(x, apply)];
    },
    samples: (random) => samplesOf(random, op),
  });
}
