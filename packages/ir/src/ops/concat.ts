import {
  allocate,
  ModelError,
  sizeOf,
  tensor,
  type ArrayOf,
  type DType,
  type Random,
  type Tensor,
} from '@decouple/tensor';
import { z } from 'zod';
import { sumDims } from '../dims.ts';
import { channelsOf } from '../channels.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { normalizeAxis, required, unifyDims } from '../shapes.ts';
import { formatType, type Dim, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  axis: z.int().describe('axis to join along; negative counts from the end'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, attrs: Attrs): ValueType[] {
  const values = inputs.map((type, place) => required(type, `inputs ${place}`));
  const first = required(values[0], 'inputs');
  const axis = normalizeAxis(attrs.axis, first.shape.length);
  const shape = values.reduce<readonly Dim[]>((known, value) => {
    const unified = value.shape.map((dim, place) =>
      place === axis ? dim : unifyDims(known[place] ?? -1, dim),
    );
    const fits =
      value.dtype === first.dtype &&
      value.shape.length === first.shape.length &&
      unified.every((dim) => dim !== undefined);
    if (!fits)
      throw new ModelError(
        `${formatType(value)} can't be joined to ${formatType(first)} along axis ${axis}`,
      );
    return unified;
  }, first.shape);
  const joined = sumDims(values.map((value) => value.shape[axis] as Dim));
  return [
    { dtype: first.dtype, shape: shape.map((dim, place) => (place === axis ? joined : dim)) },
  ];
}

/** Along axis 1 each input has its range of the output's channels; along others channels are the same in all. */
function channels(inputs: InputTypes, attrs: Attrs, [output]: readonly ValueType[]) {
  const counts = inputs.map(channelsOf);
  const total = channelsOf(output);
  if (!output || total === undefined || counts.includes(undefined)) return undefined;
  const sizes = counts as number[];
  if (normalizeAxis(attrs.axis, output.shape.length) !== 1) {
    const places = [...sizes.map((_, input) => ({ input })), { output: 0 }];
    return { ties: [{ count: total, places }] };
  }
  const ties = sizes.map((count, input) => {
    const first = sizes.slice(0, input).reduce((sum, size) => sum + size, 0);
    return { count, places: [{ input }, { output: 0, first }] };
  });
  return { ties };
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const values = inputs as readonly Tensor[];
  const types = values.map(({ dtype, shape }) => ({ dtype, shape }));
  const { dtype, shape } = infer(types, attrs)[0] as { dtype: DType; shape: number[] };
  const axis = normalizeAxis(attrs.axis, shape.length);
  const out = allocate(dtype, sizeOf(shape)) as Float32Array;
  const rows = sizeOf(shape.slice(0, axis));
  let at = 0;
  for (let row = 0; row < rows; row++)
    for (const value of values) {
      const length = sizeOf(value.shape.slice(axis));
      const data = value.data as Float32Array;
      out.set(data.subarray(row * length, (row + 1) * length), at);
      at += length;
    }
  return [tensor(dtype, shape, out as ArrayOf[DType])];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [string, number[][], number][] = [
    ['one input', [[1, 3, 4, 5]], 1],
    [
      'channels, odd',
      [
        [2, 3, 4, 5],
        [2, 1, 4, 5],
        [2, 8, 4, 5],
      ],
      1,
    ],
    [
      'batch',
      [
        [1, 3, 2, 2],
        [2, 3, 2, 2],
      ],
      0,
    ],
    [
      'columns, negative axis',
      [
        [2, 3, 4, 5],
        [2, 3, 4, 2],
      ],
      -1,
    ],
    [
      'rows',
      [
        [1, 4, 2, 3],
        [1, 4, 5, 3],
      ],
      2,
    ],
    [
      '2-D',
      [
        [3, 4],
        [3, 7],
      ],
      1,
    ],
    ['1-D', [[3], [1], [2]], 0],
  ];
  return [
    ...cases.map(([name, shapes, axis]) => ({
      name,
      inputs: shapes.map((shape) => randomFloats(random, shape)),
      attrs: { axis },
    })),
    {
      name: 'int64',
      inputs: [randomIntegers(random, 'int64', [2]), randomIntegers(random, 'int64', [1])],
      attrs: { axis: 0 },
    },
  ];
}

export const concat = defineOp({
  kind: 'concat',
  doc: 'Joins values along one axis; all other sizes are equal.',
  inputs: [{ name: 'inputs', variadic: true }],
  attrs,
  infer,
  channels,
  reference,
  samples,
});
