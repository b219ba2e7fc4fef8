import { allocate, elementsIn, float32, tensor, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import type { Element } from '../broadcast.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { forEachLine } from '../lines.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { inputOf, normalizeAxis, numeric, reducedShape } from '../shapes.ts';
import type { ValueType } from '../types.ts';

const attrs = z.strictObject({
  largest: z.boolean().default(true).describe('whether the maximum is sought, or the minimum'),
  axis: z.int().default(0).describe('axis to search along; negative counts from the end'),
  keepDims: z.boolean().default(true).describe('whether the axis stays, with size 1'),
  last: z.boolean().default(false).describe('whether the last of equals counts, or the first'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { axis, keepDims }: Attrs): ValueType[] {
  const { shape } = inputOf(inputs[0], 'x', numeric);
  const at = normalizeAxis(axis, shape.length);
  return [{ dtype: 'int64', shape: reducedShape(shape, [at], keepDims) }];
}

function reference(x: Tensor, attrs: Attrs): Tensor {
  const axis = normalizeAxis(attrs.axis, x.shape.length);
  const shape = reducedShape(x.shape, [axis], attrs.keepDims) as number[];
  const data = elementsIn(x.data);
  const out = allocate(
    'int64',
    shape.reduce((product, size) => product * size, 1),
  );
  const better = (a: Element, b: Element): boolean => (attrs.largest ? a > b : a < b);
  forEachLine(x.shape, axis, (positions, line) => {
    let best = 0;
    positions.forEach((at, place) => {
      const [value, held] = [data[at] as Element, data[positions[best] as number] as Element];
      if (better(value, held) || (attrs.last && value === held)) best = place;
    });
    out[line] = BigInt(best);
  });
  return tensor('int64', shape, out);
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [number[], Partial<Attrs>][] = [
    [[5], { keepDims: false }],
    [[1, 1], {}],
    [[3, 10], { axis: 1 }],
    [[3, 10], { axis: -1, largest: false, keepDims: false }],
    [[2, 7, 3, 4], { axis: 1 }],
    [[2, 7, 3, 4], { axis: 1, keepDims: false, last: true }],
  ];
  return [
    ...cases.map(([shape, given]) => ({
      name: `[${shape.join(',')}] ${JSON.stringify(given)}`,
      inputs: [randomFloats(random, shape)],
      attrs: attrs.parse(given),
    })),
    ...[true, false].flatMap((largest) =>
      [true, false].map((last) => ({
        name: `equals, largest ${largest}, last ${last}`,
        inputs: [float32([2, 5], [3, 1, 3, 1, 2, 0, 0, 0, 0, 0])],
        attrs: attrs.parse({ axis: 1, largest, last }),
      })),
    ),
    {
      name: 'int32',
      inputs: [randomIntegers(random, 'int32', [4, 6])],
      attrs: attrs.parse({ axis: 1 }),
    },
  ];
}

export const argExtreme = defineOp({
  kind: 'arg-extreme',
  doc: 'Index of the largest or smallest element along an axis, as int64.',
  inputs: [{ name: 'x' }],
  attrs,
  infer,
  reference: (inputs, attrs) => [reference(inputs[0] as Tensor, attrs)],
  samples,
});
