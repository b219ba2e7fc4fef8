import type { Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { sameChannels } from '../channels.ts';
import { defineOp } from '../define-op.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { required } from '../shapes.ts';

export const identity = defineOp({
  kind: 'identity',
  doc: 'x of any type, unchanged.',
  inputs: [{ name: 'x' }],
  attrs: z.strictObject({}),
  infer: (inputs) => [required(inputs[0], 'x')],
  channels: sameChannels,
  reference: (inputs) => [inputs[0] as Tensor],
  samples: (random) => [
    { name: '4-D', inputs: [randomFloats(random, [2, 3, 4, 5])], attrs: {} },
    { name: 'scalar', inputs: [randomFloats(random, [])], attrs: {} },
    { name: 'int64', inputs: [randomIntegers(random, 'int64', [3])], attrs: {} },
  ],
});
