import { allocate, elementsIn, isWide, tensor, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import type { Element } from '../broadcast.ts';
import { defineOp, type Sample } from '../define-op.ts';
import { forEachLine } from '../lines.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { inputOf, normalizeAxis, numeric } from '../shapes.ts';

const attrs = z.strictObject({
  axis: z.int().describe('axis to sum along; negative counts from the end'),
  exclusive: z.boolean().default(false).describe('whether an element is left out of its own sum'),
  reverse: z.boolean().default(false).describe('whether sums run from the end'),
});
type Attrs = z.output<typeof attrs>;

function reference(x: Tensor, { axis, exclusive, reverse }: Attrs): Tensor {
  const out = allocate(x.dtype, x.data.length);
  const [data, sums] = [elementsIn(x.data), elementsIn(out)];
  forEachLine(x.shape, normalizeAxis(axis, x.shape.length), (positions) => {
    let total: Element = isWide(x.dtype) ? 0n : 0;
    for (const at of reverse ? [...positions].reverse() : positions) {
      const next = plus(total, data[at] as Element);
      sums[at] = exclusive ? total : next;
      total = next;
    }
  });
  return tensor(x.dtype, x.shape, out);
}

const plus = (a: Element, b: Element): Element =>
  typeof a === 'bigint' ? a + (b as bigint) : a + (b as number);

function samples(random: Random): Sample<Attrs>[] {
  const cases: [number[], z.input<typeof attrs>][] = [
    [[5], { axis: 0 }],
    [[3, 4], { axis: 0, exclusive: true }],
    [[3, 4], { axis: -1, reverse: true }],
    [[2, 3, 4], { axis: 1, exclusive: true, reverse: true }],
  ];
  return [
    ...cases.map(([shape, given]) => ({
      name: `[${shape.join(',')}] ${JSON.stringify(given)}`,
      inputs: [randomFloats(random, shape)],
      attrs: attrs.parse(given),
    })),
    {
      name: 'int64',
      inputs: [randomIntegers(random, 'int64', [2, 4])],
      attrs: attrs.parse({ axis: 1 }),
    },
  ];
}

export const cumulativeSum = defineOp({
  kind: 'cumulative-sum',
  doc: 'Sums of the elements up to each one along an axis.',
  inputs: [{ name: 'x' }],
  attrs,
  infer: (inputs, { axis }) => {
    const x = inputOf(inputs[0], 'x', numeric);
    normalizeAxis(axis, x.shape.length);
    return [x];
  },
  reference: (inputs, attrs) => [reference(inputs[0] as Tensor, attrs)],
  samples,
});
