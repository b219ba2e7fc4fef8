import { ModelError, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { sameChannels } from '../channels.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { gatherElements } from '../loops.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { required } from '../shapes.ts';
import { formatType, type Dim, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  permutation: z.array(z.int().min(0)).describe('axis of the input for each axis of the result'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { permutation }: Attrs): ValueType[] {
  const x = required(inputs[0], 'x');
  const sorted = [...permutation].sort((a, b) => a - b);
  if (sorted.length !== x.shape.length || sorted.some((axis, place) => axis !== place))
    throw new ModelError(
      `[${permutation.join(',')}] is not a permutation of the axes of ${formatType(x)}`,
    );
  return [{ dtype: x.dtype, shape: permutation.map((axis) => x.shape[axis] as Dim) }];
}

function reference(inputs: readonly (Tensor | undefined)[], { permutation }: Attrs): Tensor[] {
  const x = inputs[0] as Tensor;
  const shape = permutation.map((axis) => x.shape[axis] as number);
  const place = permutation.map((_, axis) => permutation.indexOf(axis));
  const source = (index: readonly number[]): number[] => place.map((at) => index[at] as number);
  return [gatherElements(x, shape, source)];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [number[], number[]][] = [
    [
      [3, 5],
      [1, 0],
    ],
    [
      [2, 3, 4, 5],
      [0, 2, 3, 1],
    ],
    [
      [2, 4, 5, 3],
      [0, 3, 1, 2],
    ],
    [
      [1, 2, 3, 2, 3],
      [0, 2, 1, 3, 4],
    ],
    [
      [4, 3],
      [0, 1],
    ],
    [[3], [0]],
    [[], []],
  ];
  return [
    ...cases.map(([shape, permutation]) => ({
      name: `[${shape.join(',')}] by ${permutation.join(',')}`,
      inputs: [randomFloats(random, shape)],
      attrs: { permutation },
    })),
    {
      name: 'int64',
      inputs: [randomIntegers(random, 'int64', [2, 3])],
      attrs: { permutation: [1, 0] },
    },
  ];
}

export const transpose = defineOp({
  kind: 'transpose',
  doc: 'Permutes axes.',
  inputs: [{ name: 'x' }],
  attrs,
  infer,
  channels: (inputs, { permutation }, outputs) =>
    permutation[1] === 1 ? sameChannels(inputs, undefined, outputs) : undefined,
  reference,
  samples,
});
