/** Picks slices by tuples of indices: y[b…, i…, s…] = data[b…, indices[b…, i…, :]…, s…]. */
import { int64, ModelError, stridesOf, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { indexAt, indexInput } from '../indices.ts';
import { gatherElements, positionOf } from '../loops.ts';
import { randomFloats } from '../sampling.ts';
import { required, staticDim } from '../shapes.ts';
import { formatType, typeOfTensor, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  batchDims: z.int().min(0).default(0).describe('leading axes that data and indices share'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { batchDims }: Attrs): ValueType[] {
  const [data, indices] = [required(inputs[0], 'data'), indexInput(inputs[1])];
  const last = indices.shape.length - 1;
  const tuple = last < 0 ? 0 : staticDim(indices, last, 'indices');
  if (last < batchDims || batchDims + tuple > data.shape.length)
    throw new ModelError(`indices ${formatType(indices)} don't fit into ${formatType(data)}`);
  const shape = [...indices.shape.slice(0, last), ...data.shape.slice(batchDims + tuple)];
  return [{ dtype: data.dtype, shape }];
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const [data, indices] = inputs as [Tensor, Tensor];
  const { batchDims } = attrs;
  const shape = infer([data, indices].map(typeOfTensor), attrs)[0]?.shape as number[];
  const last = indices.shape.length - 1;
  const tuple = indices.shape[last] as number;
  const strides = stridesOf(indices.shape);
  const source = (index: readonly number[]): number[] => {
    const start = positionOf(index.slice(0, last), strides);
    const picked = Array.from({ length: tuple }, (_, place) => {
      const axis = batchDims + place;
      return indexAt(indices, start + place, axis, data.shape[axis] as number);
    });
    return [...index.slice(0, batchDims), ...picked, ...index.slice(last)];
  };
  return [gatherElements(data, shape, source)];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [string, number[], Tensor, number][] = [
    ['elements', [2, 3], int64([0, 0, 1, -1], [2, 2]), 0],
    ['rows', [4, 3], int64([3, 0, -1], [3, 1]), 0],
    ['one element', [2, 3, 4], int64([1, 2, 3]), 0],
    ['maps, 2-D list', [2, 2, 3], int64([0, 1, 1, 0], [2, 1, 2]), 0],
    ['per image', [2, 4, 3], int64([1, -1], [2, 1]), 1],
  ];
  return cases.map(([name, shape, indices, batchDims]) => ({
    name,
    inputs: [randomFloats(random, shape), indices],
    attrs: { batchDims },
  }));
}

export const gatherNd = defineOp({
  kind: 'gather-nd',
  doc: 'Picks slices of data by tuples of indices, the last axis of the indices.',
  inputs: [{ name: 'data' }, { name: 'indices' }],
  attrs,
  infer,
  reference,
  samples,
});
