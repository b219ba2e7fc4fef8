import { z } from 'zod';
import { binaryOp } from '../binary.ts';

export const mul = binaryOp({
  kind: 'mul',
  doc: 'a · b, element by element with NumPy broadcasting.',
  attrs: z.strictObject({}),
  float32: (a, b) => a * b,
  int32: (a, b) => Math.imul(a, b),
  int64: (a, b) => BigInt.asIntN(64, a * b),
});
