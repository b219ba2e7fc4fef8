import {
  elementsIn,
  float32,
  ModelError,
  tensor,
  type Random,
  type Tensor,
} from '@decouple/tensor';
import { z } from 'zod';
import type { Element } from '../broadcast.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { forEachLine } from '../lines.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { inputOf, normalizeAxis, numeric } from '../shapes.ts';
import { formatType, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  count: z.int().min(0).describe('how many to find'),
  axis: z.int().default(-1).describe('axis to search along; negative counts from the end'),
  largest: z.boolean().default(true).describe('whether the largest are sought, or the smallest'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { count, axis }: Attrs): ValueType[] {
  const x = inputOf(inputs[0], 'x', numeric);
  const at = normalizeAxis(axis, x.shape.length);
  const size = x.shape[at];
  if (typeof size === 'number' && count > size)
    throw new ModelError(`${count} elements sought along axis ${axis} of ${formatType(x)}`);
  return [{ dtype: 'int64', shape: x.shape.map((dim, place) => (place === at ? count : dim)) }];
}

function reference(x: Tensor, attrs: Attrs): Tensor {
  const axis = normalizeAxis(attrs.axis, x.shape.length);
  const shape = x.shape.map((size, place) => (place === axis ? attrs.count : size));
  const data = elementsIn(x.data);
  const found: bigint[][] = [];
  forEachLine(x.shape, axis, (positions) => {
    const values = positions.map((at) => data[at] as Element);
    const order = (a: number, b: number): number => {
      const [left, right] = [values[a] as Element, values[b] as Element];
      if (left === right) return a - b;
      return left > right === attrs.largest ? -1 : 1;
    };
    const sorted = values.map((_, place) => place).sort(order);
    found.push(sorted.slice(0, attrs.count).map(BigInt));
  });
  const out = new BigInt64Array(found.length * attrs.count);
  forEachLine(shape, axis, (positions, line) =>
    positions.forEach((at, place) => (out[at] = found[line]?.[place] as bigint)),
  );
  return tensor('int64', shape, out);
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [number[], z.input<typeof attrs>][] = [
    [[1], { count: 1 }],
    [[3, 10], { count: 4 }],
    [[3, 10], { count: 10, axis: 1, largest: false }],
    [[2, 7, 3], { count: 2, axis: 1 }],
    [[5, 2], { count: 3, axis: 0, largest: false }],
  ];
  return [
    ...cases.map(([shape, given]) => ({
      name: `[${shape.join(',')}] ${JSON.stringify(given)}`,
      inputs: [randomFloats(random, shape)],
      attrs: attrs.parse(given),
    })),
    {
      name: 'equals in order',
      inputs: [float32([6], [1, 3, 3, 1, 3, 0])],
      attrs: attrs.parse({ count: 5 }),
    },
    {
      name: 'int64',
      inputs: [randomIntegers(random, 'int64', [4, 6], 1000)],
      attrs: attrs.parse({ count: 2 }),
    },
  ];
}

export const topK = defineOp({
  kind: 'top-k',
  doc: 'Indices of the largest or smallest elements along an axis, best first, the first of equals first, as int64.',
  inputs: [{ name: 'x' }],
  attrs,
  infer,
  reference: (inputs, attrs) => [reference(inputs[0] as Tensor, attrs)],
  samples,
});
