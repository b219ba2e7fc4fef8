import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const abs = unaryOp({
  kind: 'abs',
  doc: 'Absolute value, element by element.',
  attrs: z.strictObject({}),
  apply: (value) => Math.abs(value),
  wide: (value) => (value < 0n ? -value : value),
});
