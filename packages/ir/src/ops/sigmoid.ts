import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const sigmoid = unaryOp({
  kind: 'sigmoid',
  doc: '1 / (1 + exp(-x)), element by element.',
  attrs: z.strictObject({}),
  apply: (value) => 1 / (1 + Math.exp(-value)),
});
