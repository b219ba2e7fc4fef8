import type { Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { defineOp } from '../define-op.ts';
import { randomBools } from '../sampling.ts';
import { inputOf } from '../shapes.ts';
import { mapElements } from '../unary.ts';

export const not = defineOp({
  kind: 'not',
  doc: 'The opposite of each truth value.',
  inputs: [{ name: 'x' }],
  attrs: z.strictObject({}),
  infer: (inputs) => [inputOf(inputs[0], 'x', ['bool'])],
  reference: (inputs) => [mapElements(inputs[0] as Tensor, (value) => (value ? 0 : 1))],
  samples: (random) =>
    [[], [7], [2, 3, 4, 5]].map((shape) => ({
      name: `[${shape.join(',')}]`,
      inputs: [randomBools(random, shape)],
      attrs: {},
    })),
});
