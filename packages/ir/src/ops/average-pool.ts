/**
 * The mean of each window: y[n,c,u,v] = Σ taps inside x / count, where count is the number of taps inside x or, with
 * `countIncludePad`, inside x and its padding. Taps beyond the padding (ceil mode) never count.
 */
import type { Random, Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { windowAttrs } from '../attributes.ts';
import { sameChannels } from '../channels.ts';
import { defineOp, type Sample } from '../define-op.ts';
import { inferPool, poolCases, poolWindows } from '../pool.ts';
import { randomFloats } from '../sampling.ts';

const attrs = z.strictObject({
  ...windowAttrs,
  countIncludePad: z.boolean().default(false).describe('whether padding counts as zeros'),
});
type Attrs = z.output<typeof attrs>;

const samples = (random: Random): Sample<Attrs>[] =>
  [false, true].flatMap((countIncludePad) =>
    poolCases.map(([name, shape, given]) => ({
      name: countIncludePad ? `${name}, padding counts` : name,
      inputs: [randomFloats(random, shape)],
      attrs: attrs.parse({ ...given, countIncludePad }),
    })),
  );

export const averagePool = defineOp({
  kind: 'average-pool',
  doc: 'Mean of each window of x [N,C,H,W].',
  inputs: [{ name: 'x' }],
  attrs,
  infer: inferPool,
  channels: sameChannels,
  reference: (inputs, attrs) => [
    poolWindows(inputs[0] as Tensor, attrs, (values, padded) => {
      const sum = values.reduce((a, b) => a + b, 0);
      return sum / (attrs.countIncludePad ? padded : values.length);
    }),
  ],
  samples,
});
