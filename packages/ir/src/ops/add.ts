import { ModelError } from '@decouple/tensor';
import { z } from 'zod';
import { activate, activationSchema } from '../attributes.ts';
import { binaryOp } from '../binary.ts';
import { floating } from '../shapes.ts';

export const add = binaryOp({
  kind: 'add',
  doc: 'a + b with NumPy broadcasting, then the activation (of floats only).',
  attrs: z.strictObject({
    activation: activationSchema.default(null).describe('applied to the sum'),
  }),
  sampleAttrs: [{ activation: { kind: 'relu' } }, { activation: { kind: 'clip', min: 0, max: 6 } }],
  check: (type, { activation }) => {
    if (activation && !floating.includes(type.dtype))
      throw new ModelError(`an activation needs floats, got ${type.dtype}`);
  },
  float: (a, b, { activation }) => activate(activation, a + b),
  whole: (a, b) => a + b,
  wide: (a, b) => a + b,
});
