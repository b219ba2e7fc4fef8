/**
 * Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3):
 *
 *   y[n,c,…] = x[n,c,…] / (bias + alpha / size · Σ x[n,i,…]²)^beta,  c - ⌊(size-1)/2⌋ ≤ i ≤ c + ⌈(size-1)/2⌉
 */
import { float32, floats, ModelError, sizeOf, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { defineOp, type Sample } from '../define-op.ts';
import { randomFloats } from '../sampling.ts';
import { floatInput } from '../shapes.ts';
import { formatType } from '../types.ts';

const attrs = z.strictObject({
  size: z.int().min(1).describe('channels of a window'),
  alpha: z.number().default(1e-4).describe('weight of the mean square'),
  beta: z.number().default(0.75).describe('exponent'),
  bias: z.number().default(1).describe('added to the weighted mean square'),
});
type Attrs = z.output<typeof attrs>;

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const x = inputs[0] as Tensor;
  const { size, alpha, beta, bias } = attrs;
  const data = floats(x, 'x');
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const channels = x.shape[1] as number;
  const map = sizeOf(x.shape.slice(2));
  const out = data.map((value, at) => {
    const channel = Math.floor(at / map) % channels;
    let squares = 0;
    for (
      let other = Math.max(0, channel - before);
      other <= Math.min(channels - 1, channel + after);
      other++
    )
      squares += (data[at + (other - channel) * map] as number) ** 2;
    return value / (bias + (alpha / size) * squares) ** beta;
  });
  return [float32(x.shape, out)];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [number[], z.input<typeof attrs>][] = [
    [[1, 3, 2, 2], { size: 1 }],
    [[2, 7, 3, 4], { size: 5, alpha: 0.5 }],
    [[1, 5, 4, 3], { size: 3, alpha: 2, beta: 0.5, bias: 2 }],
    [[1, 3, 2, 2], { size: 9, alpha: 1 }],
  ];
  return cases.map(([shape, given]) => ({
    name: `[${shape.join(',')}] ${JSON.stringify(given)}`,
    inputs: [randomFloats(random, shape, 2)],
    attrs: attrs.parse(given),
  }));
}

export const lrn = defineOp({
  kind: 'lrn',
  doc: 'Local response normalisation of x [N,C,…] over neighbouring channels.',
  inputs: [{ name: 'x' }],
  attrs,
  infer: (inputs) => {
    const x = floatInput(inputs[0], 'x');
    if (x.shape.length < 2)
      throw new ModelError(`input 'x' must have 2 or more dimensions, got ${formatType(x)}`);
    return [x];
  },
  reference,
  samples,
});
