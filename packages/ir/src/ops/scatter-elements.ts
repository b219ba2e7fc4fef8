/** Sets elements along an axis: y[…, indices[…, i, …], …] = updates[…, i, …], else y = data. */
import {
  elementsIn,
  int64,
  ModelError,
  stridesOf,
  type Random,
  type Tensor,
} from '@decouple/tensor';
import { z } from 'zod';
import type { Element } from '../broadcast.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { indexAt } from '../indices.ts';
import { forEachIndex, positionOf } from '../loops.ts';
import { randomFloats } from '../sampling.ts';
import { reductionSchema, scatterInputs, scatterInto, scatterTypes } from '../scatter.ts';
import { normalizeAxis } from '../shapes.ts';
import { formatType, sameType, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  axis: z.int().default(0).describe('axis the indices are about; negative counts from the end'),
  reduction: reductionSchema,
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { axis, reduction }: Attrs): ValueType[] {
  const { data, indices, updates } = scatterTypes(inputs, reduction);
  normalizeAxis(axis, data.shape.length);
  const same = sameType({ ...indices, dtype: updates.dtype }, updates);
  if (!same || indices.shape.length !== data.shape.length)
    throw new ModelError(
      `indices ${formatType(indices)} and updates ${formatType(updates)} don't fit into ${formatType(data)}`,
    );
  return [data];
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const [data, indices, updates] = inputs as [Tensor, Tensor, Tensor];
  const axis = normalizeAxis(attrs.axis, data.shape.length);
  const [strides, values] = [stridesOf(data.shape), elementsIn(updates.data)];
  const result = scatterInto(data, attrs.reduction, (put) =>
    forEachIndex(indices.shape, (index, position) => {
      const target = indexAt(indices, position, axis, data.shape[axis] as number);
      const place = index.map((at, own) => (own === axis ? target : at));
      put(positionOf(place, strides), values[position] as Element);
    }),
  );
  return [result];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [number[], Tensor, z.input<typeof attrs>][] = [
    [[5], int64([4, -5]), {}],
    [[3, 4], int64([0, 2, 2, 1], [1, 4]), {}],
    [[2, 5], int64([1, 3, 0, 4], [2, 2]), { axis: 1 }],
    [[2, 5], int64([1, 1, 0, -1], [2, 2]), { axis: -1, reduction: 'add' }],
    [[5], int64([4, -1, 0]), { reduction: 'mul' }],
  ];
  return cases.map(([shape, indices, given]) => ({
    name: `[${indices.shape.join(',')}] into [${shape.join(',')}] ${JSON.stringify(given)}`,
    inputs: [randomFloats(random, shape), indices, randomFloats(random, indices.shape)],
    attrs: attrs.parse(given),
  }));
}

export const scatterElements = defineOp({
  kind: 'scatter-elements',
  doc: 'Sets single elements of data along an axis by index.',
  inputs: scatterInputs,
  attrs,
  infer,
  reference,
  samples,
});
