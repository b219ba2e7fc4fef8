import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const elu = unaryOp({
  kind: 'elu',
  doc: 'x where x ≥ 0, else alpha·(exp(x) - 1), element by element.',
  attrs: z.strictObject({ alpha: z.number().default(1).describe('limit below, negated') }),
  sampleAttrs: [{}, { alpha: 0.5 }],
  apply: (value, { alpha }) => (value < 0 ? alpha * Math.expm1(value) : value),
});
