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
  float: (a, b) => a / b,
  whole: (a, b) => (b === 0 ? byZero() : Math.trunc(a / b)),
  wide: (a, b) => (b === 0n ? byZero() : a / b),
});
