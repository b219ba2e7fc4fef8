/**
 * Normalisation to mean 0 and variance 1 over some axes, what layer, instance and group normalisation share:
 *
 *   y = (x - μ) / √(mean((x - μ)²) + epsilon)
 *
 * with μ the mean over the axes, or 0 without `center` (root mean square normalisation). Scales and offsets that are
 * learnt follow as `mul` and `add`.
 */
import { float32, floats, stridesOf, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { channelsBeside } from '../channels.ts';
import { defineOp, type Sample } from '../define-op.ts';
import { forEachIndex, positionOf } from '../loops.ts';
import { randomFloats } from '../sampling.ts';
import { floatInput, normalizeAxes } from '../shapes.ts';

const attrs = z.strictObject({
  axes: z.array(z.int()).describe('axes of one mean and variance; negative counts from the end'),
  epsilon: z.number().min(0).default(1e-5).describe('added to the variance'),
  center: z.boolean().default(true).describe('whether the mean is subtracted'),
});
type Attrs = z.output<typeof attrs>;

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const x = inputs[0] as Tensor;
  const axes = normalizeAxes(attrs.axes, x.shape.length);
  const data = floats(x, 'x');
  const strides = stridesOf(x.shape);
  const over = x.shape.map((size, axis) => (axes.includes(axis) ? size : 1));
  const offsets: number[] = [];
  forEachIndex(over, (index) => offsets.push(positionOf(index, strides)));
  const out = new Float32Array(data.length);
  const rest = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  forEachIndex(rest, (index) => {
    const places = offsets.map((offset) => offset + positionOf(index, strides));
    const values = places.map((place) => data[place] as number);
    const mean = attrs.center ? values.reduce((a, b) => a + b, 0) / values.length : 0;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    const factor = 1 / Math.sqrt(variance + attrs.epsilon);
    places.forEach((place, at) => (out[place] = ((values[at] as number) - mean) * factor));
  });
  return [float32(x.shape, out)];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [number[], z.input<typeof attrs>][] = [
    [[2, 3, 4, 5], { axes: [2, 3] }],
    [[2, 3, 4, 5], { axes: [1, 2, 3], epsilon: 1e-3 }],
    [[2, 3, 4, 5], { axes: [0, 2, 3] }],
    [[2, 5, 3, 2], { axes: [1], epsilon: 1e-2 }],
    [[3, 7], { axes: [-1] }],
    [[3, 7], { axes: [-1], center: false }],
    [[2, 4, 6], { axes: [2] }],
    [[5], { axes: [0] }],
  ];
  return cases.map(([shape, given]) => ({
    name: `[${shape.join(',')}] ${JSON.stringify(given)}`,
    inputs: [randomFloats(random, shape, 3)],
    attrs: attrs.parse(given),
  }));
}

export const normalize = defineOp({
  kind: 'normalize',
  doc: 'x with mean 0 and variance 1 over some axes: (x - mean) / √(variance + epsilon).',
  inputs: [{ name: 'x' }],
  attrs,
  infer: (inputs, { axes }) => {
    const x = floatInput(inputs[0], 'x');
    normalizeAxes(axes, x.shape.length);
    return [x];
  },
  channels: (inputs, { axes }, outputs) => channelsBeside(axes, inputs, outputs),
  reference,
  samples,
});
