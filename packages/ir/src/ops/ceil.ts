import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const ceil = unaryOp({
  kind: 'ceil',
  doc: 'Smallest whole number not below x, element by element.',
  attrs: z.strictObject({}),
  apply: (value) => Math.ceil(value),
});
