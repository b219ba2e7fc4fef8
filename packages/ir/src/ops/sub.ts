import { z } from 'zod';
import { binaryOp } from '../binary.ts';

export const sub = binaryOp({
  kind: 'sub',
  doc: 'a - b with NumPy broadcasting.',
  attrs: z.strictObject({}),
  float32: (a, b) => a - b,
  int32: (a, b) => (a - b) | 0,
  int64: (a, b) => BigInt.asIntN(64, a - b),
});
