/**
 * y = exp(x - m) / Σ exp(x - m) along one axis, m the maximum along it (so that nothing overflows).
 */
import { float32, floats, sizeOf, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { sameChannels } from '../channels.ts';
import { defineOp, type Sample } from '../define-op.ts';
import { randomFloats } from '../sampling.ts';
import { floatInput, normalizeAxis } from '../shapes.ts';

const attrs = z.strictObject({
  axis: z.int().default(-1).describe('axis that sums to 1; negative counts from the end'),
});
type Attrs = z.output<typeof attrs>;

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const x = inputs[0] as Tensor;
  const axis = normalizeAxis(attrs.axis, x.shape.length);
  const size = x.shape[axis] as number;
  const step = sizeOf(x.shape.slice(axis + 1));
  const input = floats(x, 'x');
  const out = new Float32Array(input.length);
  for (let start = 0; start < input.length; start++) {
    if (Math.floor(start / step) % size !== 0) continue;
    const line = Array.from({ length: size }, (_, place) => input[start + place * step] as number);
    const largest = line.reduce((a, b) => Math.max(a, b));
    const powers = line.map((value) => Math.exp(value - largest));
    const sum = powers.reduce((a, b) => a + b);
    powers.forEach((power, place) => (out[start + place * step] = power / sum));
  }
  return [float32(x.shape, out)];
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

export const softmax = defineOp({
  kind: 'softmax',
  doc: 'Exponentials along one axis, scaled to sum 1.',
  inputs: [{ name: 'x' }],
  attrs,
  infer: (inputs, { axis }) => {
    const x = floatInput(inputs[0], 'x');
    normalizeAxis(axis, x.shape.length);
    return [x];
  },
  channels: (inputs, { axis }, outputs) =>
    normalizeAxis(axis, outputs[0]?.shape.length ?? 0) === 1
      ? undefined
      : sameChannels(inputs, undefined, outputs),
  reference,
  samples,
});
