import type { Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { mapBroadcast } from '../broadcast.ts';
import { broadcastChannels } from '../channels.ts';
import { defineOp } from '../define-op.ts';
import { randomBools, randomFloats, randomIntegers, shapePairs } from '../sampling.ts';
import { broadcastShapes, inputOf, required, sameDType } from '../shapes.ts';

export const where = defineOp({
  kind: 'where',
  doc: 'a where the condition holds, else b, of any type with NumPy broadcasting of all three.',
  inputs: [{ name: 'condition' }, { name: 'a' }, { name: 'b' }],
  attrs: z.strictObject({}),
  infer: (inputs) => {
    const condition = inputOf(inputs[0], 'condition', ['bool']);
    const [a, b] = [required(inputs[1], 'a'), required(inputs[2], 'b')];
    sameDType(a, b);
    const shape = broadcastShapes(condition.shape, broadcastShapes(a.shape, b.shape));
    return [{ dtype: a.dtype, shape }];
  },
  channels: (inputs, _attrs, [output]) => broadcastChannels(inputs, output),
  reference: (inputs) => {
    const [condition, a, b] = inputs as [Tensor, Tensor, Tensor];
    return [mapBroadcast(a.dtype, [condition, a, b], (holds, x, y) => (holds ? x : y))];
  },
  samples: (random) => [
    ...shapePairs.map(([name, a, b]) => ({
      name,
      inputs: [randomBools(random, a), randomFloats(random, b), randomFloats(random, a)],
      attrs: {},
    })),
    {
      name: 'all three repeat',
      inputs: [
        randomBools(random, [2, 1, 1]),
        randomFloats(random, [3, 1]),
        randomFloats(random, [4]),
      ],
      attrs: {},
    },
    {
      name: 'int64',
      inputs: [
        randomBools(random, [5]),
        randomIntegers(random, 'int64', [5]),
        randomIntegers(random, 'int64', [1]),
      ],
      attrs: {},
    },
  ],
});
