import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const log = unaryOp({
  kind: 'log',
  doc: 'Natural logarithm, element by element; NaN below 0.',
  attrs: z.strictObject({}),
  apply: (value) => Math.log(value),
});
