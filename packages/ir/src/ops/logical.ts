import type { Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { mapBroadcast } from '../broadcast.ts';
import { broadcastChannels } from '../channels.ts';
import { defineOp } from '../define-op.ts';
import { randomBools, shapePairs } from '../sampling.ts';
import { broadcastShapes, inputOf } from '../shapes.ts';

const attrs = z.strictObject({
  operator: z.enum(['and', 'or', 'xor']).describe('how two truth values are joined'),
});

/** By the number of inputs that are true. */
const holds = {
  and: (count: number) => count === 2,
  or: (count: number) => count > 0,
  xor: (count: number) => count === 1,
} as const;

export const logical = defineOp({
  kind: 'logical',
  doc: 'a and b, a or b, either a or b (xor), of bools with NumPy broadcasting.',
  inputs: [{ name: 'a' }, { name: 'b' }],
  attrs,
  infer: (inputs) => {
    const [a, b] = [inputOf(inputs[0], 'a', ['bool']), inputOf(inputs[1], 'b', ['bool'])];
    return [{ dtype: 'bool', shape: broadcastShapes(a.shape, b.shape) }];
  },
  channels: (inputs, _attrs, [output]) => broadcastChannels(inputs, output),
  reference: (inputs, { operator }) => [
    mapBroadcast('bool', inputs as Tensor[], (a, b) =>
      holds[operator](Number(a) + Number(b)) ? 1 : 0,
    ),
  ],
  samples: (random) =>
    (['and', 'or', 'xor'] as const).flatMap((operator) =>
      shapePairs.map(([name, a, b]) => ({
        name: `${operator}, ${name}`,
        inputs: [randomBools(random, a), randomBools(random, b)],
        attrs: { operator },
      })),
    ),
});
