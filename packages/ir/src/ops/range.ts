/** start, start + delta, … before limit: max(⌈(limit - start) / delta⌉, 0) numbers. */
import {
  allocate,
  cast,
  float32,
  ModelError,
  numbersOf,
  tensor,
  type Tensor,
} from '@decouple/tensor';
import { z } from 'zod';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { required } from '../shapes.ts';
import { formatType } from '../types.ts';

/** Numbers beyond which a limit computed at run time is taken for a mistake. */
const maxElements = 2 ** 28;

const attrs = z.strictObject({});
const names = ['start', 'limit', 'delta'];

function infer(inputs: InputTypes): null[] {
  const types = names.map((name, place) => required(inputs[place], name));
  const [first] = types;
  types.forEach((type, place) => {
    if (type.dtype !== first?.dtype || type.shape.some((dim) => dim !== 1))
      throw new ModelError(
        `input '${names[place]}' must be one number of the others' type, got ${formatType(type)}`,
      );
  });
  return [null];
}

function reference(inputs: readonly (Tensor | undefined)[]): Tensor[] {
  const { dtype } = inputs[0] as Tensor;
  const [start, limit, delta] = inputs.map((value) => numbersOf(value as Tensor)[0]) as [
    number,
    number,
    number,
  ];
  const count = Math.max(Math.ceil((limit - start) / delta), 0);
  if (!(count <= maxElements))
    throw new ModelError(`can't count from ${start} to ${limit} in steps of ${delta}`);
  const out = allocate(dtype, count) as { [place: number]: number | bigint };
  const wide = dtype === 'int64' || dtype === 'uint64';
  for (let place = 0; place < count; place++) {
    const value = start + place * delta;
    out[place] = wide ? BigInt(value) : value;
  }
  return [tensor(dtype, [count], out as unknown as Tensor['data'])];
}

function samples(): Sample<z.output<typeof attrs>>[] {
  const cases: ['float32' | 'int32' | 'int64', number, number, number][] = [
    ['int64', 0, 5, 1],
    ['int32', 10, 4, -2],
    ['float32', 1, 2.2, 0.5],
    ['int64', 3, 3, 1],
    ['int64', 5, 0, 2],
  ];
  return cases.map(([dtype, ...values]) => ({
    name: `${dtype} from ${values[0]} to ${values[1]} by ${values[2]}`,
    inputs: values.map((value) => cast(float32([], [value]), dtype)),
    attrs: {},
  }));
}

export const range = defineOp({
  kind: 'range',
  doc: 'The numbers start, start + delta, … before limit; their count is known only when run.',
  inputs: names.map((name) => ({ name })),
  attrs,
  infer,
  reference,
  samples,
});
