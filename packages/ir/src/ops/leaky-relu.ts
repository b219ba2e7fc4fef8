import { z } from 'zod';
import { activate } from '../attributes.ts';
import { unaryOp } from '../unary.ts';

export const leakyRelu = unaryOp({
  kind: 'leaky-relu',
  doc: 'x where x ≥ 0, else alpha·x, element by element.',
  attrs: z.strictObject({ alpha: z.number().default(0.01).describe('slope below 0') }),
  sampleAttrs: [{}, { alpha: 0.2 }, { alpha: -0.5 }],
  apply: (value, { alpha }) => activate({ kind: 'leaky-relu', alpha }, value),
});
