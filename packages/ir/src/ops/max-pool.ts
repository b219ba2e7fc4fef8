/** The largest value in each window; padding never wins: y[n,c,u,v] = max over taps inside x. */
import type { Random, Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { pair, windowAttrs } from '../attributes.ts';
import { sameChannels } from '../channels.ts';
import { defineOp, type Sample } from '../define-op.ts';
import { inferPool, poolCases, poolWindows } from '../pool.ts';
import { randomFloats } from '../sampling.ts';

const attrs = z.strictObject({
  ...windowAttrs,
  dilation: pair.default([1, 1]).describe('spacing of the rows and columns of a window'),
});
type Attrs = z.output<typeof attrs>;

const samples = (random: Random): Sample<Attrs>[] =>
  [
    ...poolCases,
    ['dilated', [1, 3, 9, 8], { kernel: [3, 2], dilation: [2, 3] }] as const,
    [
      'dilated, strided, padded',
      [2, 3, 9, 8],
      { kernel: [3, 3], dilation: [2, 2], stride: [2, 2], pads: [2, 2, 2, 2] },
    ] as const,
  ].map(([name, shape, given]) => ({
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
