import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const hardSigmoid = unaryOp({
  kind: 'hard-sigmoid',
  doc: 'min(max(alpha·x + beta, 0), 1), element by element.',
  attrs: z.strictObject({
    alpha: z.number().default(0.2).describe('slope'),
    beta: z.number().default(0.5).describe('value at 0'),
  }),
  sampleAttrs: [{}, { alpha: 1 / 6, beta: 0.5 }],
  apply: (value, { alpha, beta }) => Math.min(Math.max(alpha * value + beta, 0), 1),
});
