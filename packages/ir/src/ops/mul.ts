import { z } from 'zod';
import { binaryOp } from '../binary.ts';

export const mul = binaryOp({
  kind: 'mul',
  doc: 'a · b, element by element with NumPy broadcasting.',
  attrs: z.strictObject({}),
  float: (a, b) => a * b,
  whole: (a, b) => Math.imul(a, b),
  wide: (a, b) => a * b,
});
