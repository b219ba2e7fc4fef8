/** Element-wise arithmetic of two inputs with NumPy broadcasting: a record from one function per element type. */
import {
  allocate,
  ModelError,
  sizeOf,
  stridesOf,
  tensor,
  type Random,
  type Tensor,
} from '@decouple/tensor';
import type { z } from 'zod';
import { broadcastChannels } from './channels.ts';
import { defineOp, type InputTypes, type OpRecord, type Sample } from './define-op.ts';
import { forEachIndex, positionOf } from './loops.ts';
import { randomFloats, randomIntegers } from './sampling.ts';
import { broadcastShapes, required } from './shapes.ts';
import { formatType, type ValueType } from './types.ts';

interface BinaryOp<Kind extends string, Schema extends z.ZodObject> {
  readonly kind: Kind;
  readonly doc: string;
  readonly attrs: Schema;
  /** Attribute values to sample beside the defaults, for float32. */
  readonly sampleAttrs?: readonly z.input<Schema>[];
  readonly float32: (a: number, b: number, attrs: z.output<Schema>) => number;
  readonly int32: (a: number, b: number) => number;
  readonly int64: (a: bigint, b: bigint) => bigint;
  /** Further checks of attributes against the element type. */
  readonly check?: (type: ValueType, attrs: z.output<Schema>) => void;
}

type Apply = (a: number | bigint, b: number | bigint) => number | bigint;

const arithmetic = ['float32', 'int64', 'int32'];

function inferBroadcast(inputs: InputTypes): ValueType {
  const [a, b] = [required(inputs[0], 'a'), required(inputs[1], 'b')];
  if (a.dtype !== b.dtype || !arithmetic.includes(a.dtype))
    throw new ModelError(
      `inputs must both be ${arithmetic.join(', ')}, got ${formatType(a)} and ${formatType(b)}`,
    );
  return { dtype: a.dtype, shape: broadcastShapes(a.shape, b.shape) };
}

/** Strides of `value` seen under the broadcast shape: 0 along repeated axes. */
function broadcastStrides(value: Tensor, rank: number): number[] {
  const strides = stridesOf(value.shape).map((stride, axis) =>
    value.shape[axis] === 1 ? 0 : stride,
  );
  return [...new Array<number>(rank - strides.length).fill(0), ...strides];
}

function broadcast(a: Tensor, b: Tensor, apply: Apply): Tensor {
  const shape = broadcastShapes(a.shape, b.shape) as number[];
  const out = allocate(a.dtype, sizeOf(shape)) as { [index: number]: number | bigint };
  const [left, right] = [broadcastStrides(a, shape.length), broadcastStrides(b, shape.length)];
  forEachIndex(shape, (index, position) => {
    out[position] = apply(
      a.data[positionOf(index, left)] as number | bigint,
      b.data[positionOf(index, right)] as number | bigint,
    );
  });
  return tensor(a.dtype, shape, out as unknown as Tensor['data']);
}

const shapePairs: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ['scalar and scalar', [], []],
  ['same shape, odd', [1, 3, 5, 7], [1, 3, 5, 7]],
  ['same shape, batch 2', [2, 8, 4, 4], [2, 8, 4, 4]],
  ['scalar right', [2, 3, 4, 5], []],
  ['scalar left', [], [2, 5]],
  ['one element right', [2, 5, 3, 3], [1]],
  ['per channel [C,1,1]', [2, 5, 3, 4], [5, 1, 1]],
  ['per channel [1,C,1,1] left', [1, 5, 1, 1], [2, 5, 3, 4]],
  ['per sample and channel', [2, 5, 3, 4], [2, 5, 1, 1]],
  ['trailing axis, ranks 3 and 1', [2, 3, 4], [4]],
  ['both repeat', [3, 1], [1, 4]],
  ['2-D rows', [3, 17], [17]],
  ['batch repeats', [1, 4, 2, 2], [3, 4, 2, 2]],
];

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
  const wholeCases = (['int64', 'int32'] as const).map((dtype) => ({
    name: `${dtype}, [4,1] and [3]`,
    inputs: [randomIntegers(random, dtype, [4, 1], 40), randomIntegers(random, dtype, [3], 6)],
    attrs: op.attrs.parse({}),
  }));
  return [...floatCases, ...wholeCases];
}

const awayFromZero = (value: Tensor<'float32'>): Tensor => ({
  ...value,
  data: value.data.map((element) => element + (element < 0 ? -0.25 : 0.25)),
});

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
      if (a.dtype === 'int64') return [broadcast(a, b, op.int64 as Apply)];
      if (a.dtype === 'int32') return [broadcast(a, b, op.int32 as Apply)];
      return [broadcast(a, b, (left, right) => op.float32(left as number, right as number, attrs))];
    },
    samples: (random) => samplesOf(random, op),
  });
}
