/** Sets slices by tuples of indices: y[indices[i…, :]…, s…] = updates[i…, s…], else y = data. */
import {
  elementsIn,
  int64,
  ModelError,
  sizeOf,
  stridesOf,
  type Random,
  type Tensor,
} from '@decouple/tensor';
import { z } from 'zod';
import type { Element } from '../broadcast.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { indexAt } from '../indices.ts';
import { randomFloats } from '../sampling.ts';
import { reductionSchema, scatterInputs, scatterInto, scatterTypes } from '../scatter.ts';
import { staticDim } from '../shapes.ts';
import { formatType, sameType, type ValueType } from '../types.ts';

const attrs = z.strictObject({ reduction: reductionSchema });
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { reduction }: Attrs): ValueType[] {
  const { data, indices, updates } = scatterTypes(inputs, reduction);
  const last = indices.shape.length - 1;
  const tuple = last < 0 ? Infinity : staticDim(indices, last, 'indices');
  const shape = [...indices.shape.slice(0, last), ...data.shape.slice(tuple)];
  if (tuple > data.shape.length || !sameType({ dtype: data.dtype, shape }, updates))
    throw new ModelError(
      `indices ${formatType(indices)} and updates ${formatType(updates)} don't fit into ${formatType(data)}`,
    );
  return [data];
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const [data, indices, updates] = inputs as [Tensor, Tensor, Tensor];
  const tuple = indices.shape.at(-1) as number;
  const [strides, values] = [stridesOf(data.shape), elementsIn(updates.data)];
  const [count, size] = [sizeOf(indices.shape.slice(0, -1)), sizeOf(data.shape.slice(tuple))];
  const startOf = (row: number): number => {
    let start = 0;
    for (let axis = 0; axis < tuple; axis++)
      start +=
        indexAt(indices, row * tuple + axis, axis, data.shape[axis] as number) *
        (strides[axis] as number);
    return start;
  };
  const result = scatterInto(data, attrs.reduction, (put) => {
    for (let row = 0; row < count; row++) {
      const start = startOf(row);
      for (let at = 0; at < size; at++) put(start + at, values[row * size + at] as Element);
    }
  });
  return [result];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [number[], Tensor, number[], z.input<typeof attrs>][] = [
    [[8], int64([4, 3, -1], [3, 1]), [3], {}],
    [[4, 3], int64([0, 2], [2, 1]), [2, 3], {}],
    [[2, 3, 2], int64([0, 1, 1, -1], [2, 2]), [2, 2], {}],
    [[4, 3], int64([1, 1], [2, 1]), [2, 3], { reduction: 'add' }],
    [[4], int64([1, 1], [2, 1]), [2], { reduction: 'mul' }],
  ];
  return cases.map(([shape, indices, updates, given]) => ({
    name: `[${indices.shape.join(',')}] into [${shape.join(',')}] ${JSON.stringify(given)}`,
    inputs: [randomFloats(random, shape), indices, randomFloats(random, updates)],
    attrs: attrs.parse(given),
  }));
}

export const scatterNd = defineOp({
  kind: 'scatter-nd',
  doc: 'Sets slices of data by tuples of indices, the last axis of the indices.',
  inputs: scatterInputs,
  attrs,
  infer,
  reference,
  samples,
});
