import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const sqrt = unaryOp({
  kind: 'sqrt',
  doc: 'Square root, element by element; NaN below 0.',
  attrs: z.strictObject({}),
  apply: (value) => Math.sqrt(value),
});
