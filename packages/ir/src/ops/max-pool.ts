/** The largest value in each window; padding never wins: y[n,c,u,v] = max over taps inside x. */
import type { Random, Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { windowAttrs } from '../attributes.ts';
import { sameChannels } from '../channels.ts';
import { defineOp, type Sample } from '../define-op.ts';
import { inferPool, poolCases, poolWindows } from '../pool.ts';
import { randomFloats } from '../sampling.ts';

const attrs = z.strictObject(windowAttrs);
type Attrs = z.output<typeof attrs>;

const samples = (random: Random): Sample<Attrs>[] =>
  poolCases.map(([name, shape, given]) => ({
    name,
    inputs: [randomFloats(random, shape)],
    attrs: attrs.parse(given),
  }));

export const maxPool = defineOp({
  kind: 'max-pool',
  doc: 'Largest value of each window of x [N,C,H,W]; padding is ignored.',
  inputs: [{ name: 'x' }],
  attrs,
  infer: inferPool,
  channels: sameChannels,
  reference: (inputs, attrs) => [
    poolWindows(inputs[0] as Tensor, attrs, (values) =>
      values.reduce((a, b) => Math.max(a, b), -Infinity),
    ),
  ],
  samples,
});
