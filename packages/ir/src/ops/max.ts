import { z } from 'zod';
import { binaryOp } from '../binary.ts';

export const max = binaryOp({
  kind: 'max',
  doc: 'The larger of a and b with NumPy broadcasting; NaN where one is NaN.',
  attrs: z.strictObject({}),
  float: (a, b) => Math.max(a, b),
  wide: (a, b) => (b > a ? b : a),
});
