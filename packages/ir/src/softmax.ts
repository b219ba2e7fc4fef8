/** What softmax and its logarithm share: exp(x - m) along one axis, m the maximum there, so that nothing overflows. */
import { allocate, elementsIn, tensor, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { channelsBeside } from './channels.ts';
import { defineOp, type OpRecord, type Sample } from './define-op.ts';
import { forEachLine } from './lines.ts';
import { randomFloats } from './sampling.ts';
import { floating, inputOf, normalizeAxis } from './shapes.ts';

const attrs = z.strictObject({
  axis: z.int().default(-1).describe('axis that is normalised; negative counts from the end'),
});
type Attrs = z.output<typeof attrs>;

/** The result from x - m and Σ exp(x - m). */
type Normalize = (shifted: number, sum: number) => number;

function reference(x: Tensor, attrs: Attrs, normalize: Normalize): Tensor {
  const out = allocate(x.dtype, x.data.length);
  const [input, results] = [elementsIn(x.data), elementsIn(out)];
  forEachLine(x.shape, normalizeAxis(attrs.axis, x.shape.length), (positions) => {
    const line = positions.map((at) => input[at] as number);
    const largest = line.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = line.reduce((total, value) => total + Math.exp(value - largest), 0);
    positions.forEach((at, place) => {
      results[at] = normalize((line[place] as number) - largest, sum);
    });
  });
  return tensor(x.dtype, x.shape, out);
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [number[], number, number][] = [
    [[5], -1, 1],
    [[3, 10], -1, 1],
    [[3, 10], 0, 1],
    [[2, 1000], 1, 5],
    [[2, 7, 3, 4], 1, 2],
    [[1, 3, 5, 1], -1, 1],
    [[2, 4], -1, 60],
  ];
  return cases.map(([shape, axis, scale]) => ({
    name: `[${shape.join(',')}] axis ${axis}, scale ${scale}`,
    inputs: [randomFloats(random, shape, scale)],
    attrs: { axis },
  }));
}

export function softmaxOp<const Kind extends string>(
  kind: Kind,
  doc: string,
  normalize: Normalize,
): OpRecord<Kind, typeof attrs> {
  return defineOp({
    kind,
    doc,
    inputs: [{ name: 'x' }],
    attrs,
    infer: (inputs, { axis }) => {
      const x = inputOf(inputs[0], 'x', floating);
      normalizeAxis(axis, x.shape.length);
      return [x];
    },
    channels: (inputs, { axis }, outputs) => channelsBeside([axis], inputs, outputs),
    reference: (inputs, attrs) => [reference(inputs[0] as Tensor, attrs, normalize)],
    samples,
  });
}
