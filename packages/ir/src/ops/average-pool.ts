/**
 * The mean of each window: y[n,c,u,v] = Σ taps inside x / count, where count is the number of taps inside x or, with
 * `countIncludePad`, of all taps. These include the taps that stick out beyond the padding in `ceil` mode, as in the
 * reference and the test data of ONNX; PyTorch and ONNX Runtime do not count those.
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
  countIncludePad: z
    .boolean()
    .default(false)
    .describe('whether taps outside x count as zeros, in ceil mode beyond the padding too'),
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
  doc: 'Mean of each window of x [N,C,H,W]. Taps outside x count not at all or, with countIncludePad, as zeros: in ceil mode those beyond the padding too, as in the test data of ONNX (PyTorch and ONNX Runtime leave the latter out).',
  inputs: [{ name: 'x' }],
  attrs,
  infer: inferPool,
  channels: sameChannels,
  reference: (inputs, attrs) => {
    const taps = attrs.kernel[0] * attrs.kernel[1];
    const mean = (values: readonly number[]): number =>
      values.reduce((a, b) => a + b, 0) / (attrs.countIncludePad ? taps : values.length);
    return [poolWindows(inputs[0] as Tensor, attrs, mean)];
  },
  samples,
});
