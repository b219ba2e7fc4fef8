/**
 * Batch normalisation with frozen statistics, per channel c (axis 1):
 *
 *   y[n,c,…] = scale[c] · (x[n,c,…] - mean[c]) / √(variance[c] + epsilon) + bias[c]
 */
import { float32, floats, ModelError, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { channelsOf } from '../channels.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { randomFloats } from '../sampling.ts';
import { floatInput, staticDim } from '../shapes.ts';
import { formatType, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  epsilon: z.number().min(0).default(1e-5).describe('added to the variance'),
});
type Attrs = z.output<typeof attrs>;

const perChannel = ['scale', 'bias', 'mean', 'variance'];

function infer(inputs: InputTypes): ValueType[] {
  const x = floatInput(inputs[0], 'x');
  if (x.shape.length < 2)
    throw new ModelError(`input 'x' must have 2 or more dimensions, got ${formatType(x)}`);
  const channels = staticDim(x, 1, 'x');
  perChannel.forEach((name, place) => {
    const type = floatInput(inputs[place + 1], name, 1);
    if (type.shape[0] !== channels)
      throw new ModelError(`${name} must be float32[${channels}], got ${formatType(type)}`);
  });
  return [x];
}

function reference(inputs: readonly (Tensor | undefined)[], { epsilon }: Attrs): Tensor[] {
  const x = inputs[0] as Tensor;
  const [data, scale, bias, mean, variance] = inputs.map((value) => floats(value as Tensor)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const [batch, channels] = x.shape as [number, number];
  const perMap = data.length / (batch * channels);
  const out = new Float32Array(data.length);
  let at = 0;
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c++) {
      const factor = (scale[c] as number) / Math.sqrt((variance[c] as number) + epsilon);
      for (let pixel = 0; pixel < perMap; pixel++, at++)
        out[at] = factor * ((data[at] as number) - (mean[c] as number)) + (bias[c] as number);
    }
  return [float32(x.shape, out)];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [string, number[], z.input<typeof attrs>][] = [
    ['one pixel, odd channels', [1, 5, 1, 1], {}],
    ['batch 3', [3, 7, 4, 5], {}],
    ['16 channels, larger epsilon', [1, 16, 6, 6], { epsilon: 1e-3 }],
    ['2-D', [4, 9], {}],
    ['3-D', [2, 3, 5], {}],
  ];
  return cases.map(([name, shape, given]) => {
    const channels = [shape[1] as number];
    const variance = randomFloats(random, channels);
    return {
      name,
      inputs: [
        randomFloats(random, shape),
        randomFloats(random, channels),
        randomFloats(random, channels),
        randomFloats(random, channels),
        { ...variance, data: variance.data.map((value) => value * value + 0.1) },
      ],
      attrs: attrs.parse(given),
    };
  });
}

export const batchNormalization = defineOp({
  kind: 'batch-normalization',
  doc: 'Per channel (axis 1): scale · (x - mean) / √(variance + epsilon) + bias, all four [C].',
  inputs: [{ name: 'x' }, ...perChannel.map((name) => ({ name }))],
  attrs,
  infer,
  channels: ([x]) => {
    const count = channelsOf(x);
    if (count === undefined) return undefined;
    const own = perChannel.map((_, place) => ({ input: place + 1, axis: 0 }));
    return { ties: [{ count, places: [{ input: 0 }, ...own, { output: 0 }] }] };
  },
  reference,
  samples,
});
