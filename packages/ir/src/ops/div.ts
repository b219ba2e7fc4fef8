import { ModelError } from '@decouple/tensor';
import { z } from 'zod';
import { binaryOp } from '../binary.ts';

const byZero = (): never => {
  throw new ModelError('whole number divided by zero');
};

export const div = binaryOp({
  kind: 'div',
  doc: 'a / b with NumPy broadcasting. Quotients of whole numbers are truncated towards zero.',
  attrs: z.strictObject({}),
  float32: (a, b) => a / b,
  int32: (a, b) => (b === 0 ? byZero() : (a / b) | 0),
  int64: (a, b) => (b === 0n ? byZero() : BigInt.asIntN(64, a / b)),
});
