/** Picks slices along an axis: y[a…, i…, b…] = data[a…, indices[i…], b…]; negative indices count from the end. */
import { int64, numbersOf, stridesOf, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { channelsOf, type ChannelRelation } from '../channels.ts';
import { defineOp, type InputTensors, type InputTypes, type Sample } from '../define-op.ts';
import { indexAt, indexInput } from '../indices.ts';
import { gatherElements, positionOf } from '../loops.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { normalizeAxis, required } from '../shapes.ts';
import type { ValueType } from '../types.ts';

const attrs = z.strictObject({
  axis: z.int().default(0).describe('axis to pick from; negative counts from the end'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, attrs: Attrs): ValueType[] {
  const [data, indices] = [required(inputs[0], 'data'), indexInput(inputs[1])];
  const axis = normalizeAxis(attrs.axis, data.shape.length);
  const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
  return [{ dtype: data.dtype, shape }];
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const [data, indices] = inputs as [Tensor, Tensor];
  const types = [data, indices].map(({ dtype, shape }) => ({ dtype, shape }));
  const shape = infer(types, attrs)[0]?.shape as number[];
  const axis = normalizeAxis(attrs.axis, data.shape.length);
  const size = data.shape[axis] as number;
  const strides = stridesOf(indices.shape);
  const source = (index: readonly number[]): number[] => {
    const last = axis + indices.shape.length;
    const picked = indexAt(indices, positionOf(index.slice(axis, last), strides), axis, size);
    return [...index.slice(0, axis), picked, ...index.slice(last)];
  };
  return [gatherElements(data, shape, source)];
}

function channels(
  [data]: InputTypes,
  { axis }: Attrs,
  _outputs: unknown,
  [, indices]: InputTensors,
): ChannelRelation<Attrs> | undefined {
  const count = channelsOf(data);
  if (!data || !indices || count === undefined || indices.shape.length !== 1) return undefined;
  if (normalizeAxis(axis, data.shape.length) !== 1) return undefined;
  const picks = numbersOf(indices).map((index) => (index < 0 ? index + count : index));
  return picks.every((pick) => pick >= 0 && pick < count) ? { picks } : undefined;
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [string, number[], Tensor, number][] = [
    ['scalar index', [4, 3], int64([2], []), 0],
    ['rows, negative index', [4, 3], int64([3, 0, -1]), 0],
    ['channels', [2, 5, 3, 3], int64([4, 1, 1, 0]), 1],
    [
      'channels, repeated and sorted',
      [2, 13, 3, 4],
      int64([0, 0, 0, 1, 1, 2, 5, 5, 6, 7, 11, 12, 12, 12]),
      1,
    ],
    ['channels, out of order', [1, 16, 2, 3], int64([15, 0, 9, 3, 3, 14]), 1],
    ['images', [3, 4, 2, 2], int64([2, 0]), 0],
    ['columns', [1, 4, 3, 5], int64([4, 4, 1]), 3],
    ['2-D indices, last axis', [2, 6], int64([0, 5, 2, 3], [2, 2]), -1],
  ];
  return [
    ...cases.map(([name, shape, indices, axis]) => ({
      name,
      inputs: [randomFloats(random, shape), indices],
      attrs: { axis },
    })),
    {
      name: 'one dimension of a shape',
      inputs: [randomIntegers(random, 'int64', [4]), int64([0], [])],
      attrs: { axis: 0 },
    },
  ];
}

export const gather = defineOp({
  kind: 'gather',
  doc: 'Picks slices of data along one axis by index.',
  inputs: [{ name: 'data' }, { name: 'indices' }],
  attrs,
  infer,
  channels,
  reference,
  samples,
});
