import { int64, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { defineOp } from '../define-op.ts';
import { randomFloats } from '../sampling.ts';
import { required } from '../shapes.ts';

export const shape = defineOp({
  kind: 'shape',
  doc: 'The sizes of x, as int64 [rank].',
  inputs: [{ name: 'x' }],
  attrs: z.strictObject({}),
  infer: (inputs) => [{ dtype: 'int64', shape: [required(inputs[0], 'x').shape.length] }],
  reference: (inputs) => [int64((inputs[0] as Tensor).shape)],
  samples: (random) =>
    [[2, 3, 4, 5], [7], []].map((size) => ({
      name: `[${size.join(',')}]`,
      inputs: [randomFloats(random, size)],
      attrs: {},
    })),
});
