import { z } from 'zod';
import { binaryOp } from '../binary.ts';

export const sub = binaryOp({
  kind: 'sub',
  doc: 'a - b with NumPy broadcasting.',
  attrs: z.strictObject({}),
  float: (a, b) => a - b,
  wide: (a, b) => a - b,
});
