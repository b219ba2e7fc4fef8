import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const tanh = unaryOp({
  kind: 'tanh',
  doc: 'The hyperbolic tangent, element by element.',
  attrs: z.strictObject({}),
  apply: (value) => Math.tanh(value),
});
