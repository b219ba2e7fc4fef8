/** Picks elements along an axis: y[…, i, …] = data[…, indices[…, i, …], …]. */
import { int64, ModelError, stridesOf, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { indexAt, indexInput, randomIndices } from '../indices.ts';
import { gatherElements as gatherFrom, positionOf } from '../loops.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { normalizeAxis, required } from '../shapes.ts';
import { formatType, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  axis: z.int().default(0).describe('axis to pick from; negative counts from the end'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { axis }: Attrs): ValueType[] {
  const [data, indices] = [required(inputs[0], 'data'), indexInput(inputs[1])];
  const at = normalizeAxis(axis, data.shape.length);
  const fits = indices.shape.every((dim, place) => {
    const size = data.shape[place] as number;
    return place === at || typeof dim === 'string' || typeof size === 'string' || dim <= size;
  });
  if (indices.shape.length !== data.shape.length || !fits)
    throw new ModelError(`indices ${formatType(indices)} don't fit into ${formatType(data)}`);
  return [{ dtype: data.dtype, shape: indices.shape }];
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const [data, indices] = inputs as [Tensor, Tensor];
  const axis = normalizeAxis(attrs.axis, data.shape.length);
  const strides = stridesOf(indices.shape);
  const pick = (index: readonly number[]): number =>
    indexAt(indices, positionOf(index, strides), axis, data.shape[axis] as number);
  const source = (index: readonly number[]): number[] =>
    index.map((at, place) => (place === axis ? pick(index) : at));
  return [gatherFrom(data, indices.shape, source)];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [number[], number[], number][] = [
    [[5], [3], 0],
    [[2, 3], [4, 3], 0],
    [[3, 4], [3, 2], 1],
    [[2, 5, 3], [2, 5, 7], -1],
    [[2, 5, 3], [1, 4, 2], 1],
  ];
  return [
    ...cases.map(([shape, picked, axis]) => ({
      name: `[${picked.join(',')}] of [${shape.join(',')}], axis ${axis}`,
      inputs: [
        randomFloats(random, shape),
        randomIndices(random, picked, shape.at(axis) as number),
      ],
      attrs: { axis },
    })),
    {
      name: 'int64',
      inputs: [randomIntegers(random, 'int64', [4]), int64([3, 0])],
      attrs: { axis: 0 },
    },
  ];
}

export const gatherElements = defineOp({
  kind: 'gather-elements',
  doc: 'Picks single elements of data along an axis by index; the result has the shape of the indices.',
  inputs: [{ name: 'data' }, { name: 'indices' }],
  attrs,
  infer,
  reference,
  samples,
});
