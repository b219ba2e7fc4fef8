import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const exp = unaryOp({
  kind: 'exp',
  doc: 'e to the power of x, element by element.',
  attrs: z.strictObject({}),
  apply: (value) => Math.exp(value),
});
