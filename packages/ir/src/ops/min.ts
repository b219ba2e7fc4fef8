import { z } from 'zod';
import { binaryOp } from '../binary.ts';

export const min = binaryOp({
  kind: 'min',
  doc: 'The smaller of a and b with NumPy broadcasting; NaN where one is NaN.',
  attrs: z.strictObject({}),
  float: (a, b) => Math.min(a, b),
  wide: (a, b) => (b < a ? b : a),
});
