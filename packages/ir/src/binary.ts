/**
 * Element-wise arithmetic of two inputs with NumPy broadcasting: a record from one function per kind of number. Results
 * of whole numbers wrap around when they are stored, as their type does.
 */
import { isWide, type DType, type Random, type Tensor } from '@decouple/tensor';
import type { z } from 'zod';
import { mapBroadcast, type Element } from './broadcast.ts';
import { broadcastChannels } from './channels.ts';
import { defineOp, type InputTypes, type OpRecord, type Sample } from './define-op.ts';
import { awayFromZero, randomFloats, randomIntegers, shapePairs } from './sampling.ts';
import { broadcastShapes, floating, inputOf, numeric, sameDType } from './shapes.ts';
import type { ValueType } from './types.ts';

interface BinaryOp<Kind extends string, Schema extends z.ZodObject> {
  readonly kind: Kind;
  readonly doc: string;
  readonly attrs: Schema;
  /** Attribute values to sample beside the defaults, for float32. */
  readonly sampleAttrs?: readonly z.input<Schema>[];
  /** The same for whole numbers. */
  readonly sampleWholeAttrs?: readonly z.input<Schema>[];
  readonly float: (a: number, b: number, attrs: z.output<Schema>) => number;
  /** For whole numbers of up to 32 bits. Default: as for floats. */
  readonly whole?: (a: number, b: number, attrs: z.output<Schema>) => number;
  /** For whole numbers of 64 bits. */
  readonly wide: (a: bigint, b: bigint, attrs: z.output<Schema>) => bigint;
  /** Further checks of attributes against the element type. */
  readonly check?: (type: ValueType, attrs: z.output<Schema>) => void;
}

function inferBroadcast(inputs: InputTypes): ValueType {
  const [a, b] = [inputOf(inputs[0], 'a', numeric), inputOf(inputs[1], 'b', numeric)];
  sameDType(a, b);
  return { dtype: a.dtype, shape: broadcastShapes(a.shape, b.shape) };
}

/** The function for an element type. */
function functionFor<Schema extends z.ZodObject>(
  op: BinaryOp<string, Schema>,
  dtype: DType,
  attrs: z.output<Schema>,
): (a: Element, b: Element) => Element {
  if (isWide(dtype)) return (a, b) => op.wide(a as bigint, b as bigint, attrs);
  const apply = floating.includes(dtype) ? op.float : (op.whole ?? op.float);
  return (a, b) => apply(a as number, b as number, attrs);
}

function samplesOf<Schema extends z.ZodObject>(
  random: Random,
  op: BinaryOp<string, Schema>,
): Sample<z.output<Schema>>[] {
  const variants = [{} as z.input<Schema>, ...(op.sampleAttrs ?? [])];
  const floatCases = variants.flatMap((attrs, variant) =>
    shapePairs.map(([name, a, b]) => ({
      name: variant ? `${name}, variant ${variant}` : name,
      // Away from zero, so that quotients stay comparable between backends.
      inputs: [randomFloats(random, a), awayFromZero(randomFloats(random, b))],
      attrs: op.attrs.parse(attrs),
    })),
  );
  const wholeVariants = [{} as z.input<Schema>, ...(op.sampleWholeAttrs ?? [])];
  const wholeCases = wholeVariants.flatMap((attrs, variant) =>
    (['int64', 'int32'] as const).map((dtype) => ({
      name: `${dtype}, [4,1] and [3]${variant ? `, variant ${variant}` : ''}`,
      inputs: [randomIntegers(random, dtype, [4, 1], 40), randomIntegers(random, dtype, [3], 6)],
      attrs: op.attrs.parse(attrs),
    })),
  );
  return [...floatCases, ...wholeCases];
}

export function binaryOp<const Kind extends string, Schema extends z.ZodObject>(
  op: BinaryOp<Kind, Schema>,
): OpRecord<Kind, Schema> {
  return defineOp({
    kind: op.kind,
    doc: op.doc,
    inputs: [{ name: 'a' }, { name: 'b' }],
    attrs: op.attrs,
    infer: (inputs, attrs) => {
      const out = inferBroadcast(inputs);
      op.check?.(out, attrs);
      return [out];
    },
    channels: (inputs, _attrs, [output]) => broadcastChannels(inputs, output),
    reference: (inputs, attrs) => {
      const [a, b] = inputs as [Tensor, Tensor];
      return [mapBroadcast(a.dtype, [a, b], functionFor(op, a.dtype, attrs))];
    },
    samples: (random) => samplesOf(random, op),
  });
}
