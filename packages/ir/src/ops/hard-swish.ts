import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const hardSwish = unaryOp({
  kind: 'hard-swish',
  doc: 'x · min(max(x/6 + 1/2, 0), 1), element by element.',
  attrs: z.strictObject({}),
  apply: (value) => value * Math.min(Math.max(value / 6 + 0.5, 0), 1),
});
