import type { Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { sameChannels } from '../channels.ts';
import { defineOp } from '../define-op.ts';
import { reduceOver } from '../reduce.ts';
import { randomFloats } from '../sampling.ts';
import { floatInput } from '../shapes.ts';

export const globalAveragePool = defineOp({
  kind: 'global-average-pool',
  doc: 'Mean of each channel: x [N,C,H,W] to [N,C,1,1].',
  inputs: [{ name: 'x' }],
  attrs: z.strictObject({}),
  infer: (inputs) => {
    const { dtype, shape } = floatInput(inputs[0], 'x', 4);
    return [{ dtype, shape: [...shape.slice(0, 2), 1, 1] }];
  },
  channels: sameChannels,
  reference: (inputs) => [reduceOver(inputs[0] as Tensor, [2, 3], 'mean')],
  samples: (random) =>
    [
      [1, 3, 1, 1],
      [1, 5, 3, 7],
      [3, 16, 4, 4],
      [2, 9, 7, 7],
    ].map((shape) => ({
      name: `[${shape.join(',')}]`,
      inputs: [randomFloats(random, shape)],
      attrs: {},
    })),
});
