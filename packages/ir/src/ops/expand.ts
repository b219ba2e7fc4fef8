/**
 * x broadcast against a shape as in NumPy: axes of size 1 are repeated, and sizes of 1 in `shape` leave x as it is. A
 * text in `shape` is a symbolic dimension, bound with the graph.
 */
import { ModelError, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { gatherElements } from '../loops.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { broadcastShapes, required } from '../shapes.ts';
import { typeOfTensor, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  shape: z
    .array(z.union([z.int().min(0), z.string().min(1)]))
    .describe('dimensions to broadcast against: a size, or a symbol'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { shape }: Attrs): ValueType[] {
  const x = required(inputs[0], 'x');
  return [{ dtype: x.dtype, shape: broadcastShapes(x.shape, shape) }];
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const x = inputs[0] as Tensor;
  const { shape } = infer([typeOfTensor(x)], attrs)[0] as ValueType;
  if (shape.some((dim) => typeof dim === 'string'))
    throw new ModelError(`shape [${shape.join(',')}] holds symbols; bind them first`);
  const skipped = shape.length - x.shape.length;
  const source = (index: readonly number[]): number[] =>
    x.shape.map((size, axis) => (size === 1 ? 0 : (index[axis + skipped] as number)));
  return [gatherElements(x, shape as number[], source)];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [string, number[], number[]][] = [
    ['channels', [1, 3, 1, 1], [1, 3, 4, 5]],
    ['rows', [2, 3, 1, 4], [1, 1, 5, 1]],
    ['more axes', [3, 1], [2, 1, 4]],
    ['unchanged', [2, 3], [1, 3]],
    ['a scalar', [], [2, 2]],
    ['to nothing', [1, 2], [0, 2]],
  ];
  return [
    ...cases.map(([name, from, shape]) => ({
      name,
      inputs: [randomFloats(random, from)],
      attrs: { shape },
    })),
    {
      name: 'int64',
      inputs: [randomIntegers(random, 'int64', [1])],
      attrs: { shape: [3] },
    },
  ];
}

export const expand = defineOp({
  kind: 'expand',
  doc: 'x repeated along axes of size 1 until it has the shape, as in NumPy broadcasting.',
  inputs: [{ name: 'x' }],
  attrs,
  infer,
  reference,
  samples,
});
