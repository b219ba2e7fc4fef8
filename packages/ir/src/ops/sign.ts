import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const sign = unaryOp({
  kind: 'sign',
  doc: '-1, 0 or 1 as x is negative, zero or positive, element by element.',
  attrs: z.strictObject({}),
  apply: (value) => Math.sign(value),
  wide: (value) => (value > 0n ? 1n : value < 0n ? -1n : 0n),
});
