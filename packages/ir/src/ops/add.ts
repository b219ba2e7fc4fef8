import { ModelError } from '@decouple/tensor';
import { z } from 'zod';
import { activate, activationSchema } from '../attributes.ts';
import { binaryOp } from '../binary.ts';

export const add = binaryOp({
  kind: 'add',
  doc: 'a + b with NumPy broadcasting, then the activation (float32 only).',
  attrs: z.strictObject({
    activation: activationSchema.default(null).describe('applied to the sum'),
  }),
  sampleAttrs: [{ activation: { kind: 'relu' } }, { activation: { kind: 'clip', min: 0, max: 6 } }],
  check: (type, { activation }) => {
    if (activation && type.dtype !== 'float32')
      throw new ModelError(`an activation needs float32, got ${type.dtype}`);
  },
  float32: (a, b, { activation }) => activate(activation, a + b),
  int32: (a, b) => (a + b) | 0,
  int64: (a, b) => BigInt.asIntN(64, a + b),
});
