import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const floor = unaryOp({
  kind: 'floor',
  doc: 'Largest whole number not above x, element by element.',
  attrs: z.strictObject({}),
  apply: (value) => Math.floor(value),
});
