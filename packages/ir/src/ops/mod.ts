import { ModelError } from '@decouple/tensor';
import { z } from 'zod';
import { binaryOp } from '../binary.ts';
import { floating } from '../shapes.ts';

const byZero = (): never => {
  throw new ModelError('remainder of a division by zero');
};

export const mod = binaryOp({
  kind: 'mod',
  doc: 'Remainder of a / b with NumPy broadcasting, with the sign of one of them (of a, for floats).',
  attrs: z.strictObject({
    sign: z.enum(['dividend', 'divisor']).default('dividend').describe('whose sign it has'),
  }),
  sampleWholeAttrs: [{ sign: 'divisor' }],
  check: (type, { sign }) => {
    if (sign === 'divisor' && floating.includes(type.dtype))
      throw new ModelError(`remainders of ${type.dtype} have the sign of the dividend`);
  },
  float: (a, b) => a % b,
  whole: (a, b, { sign }) => (b === 0 ? byZero() : withSign(a % b, b, sign)),
  wide: (a, b, { sign }) => {
    const rest = b === 0n ? byZero() : a % b;
    return sign === 'divisor' && rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
  },
});

const withSign = (rest: number, divisor: number, sign: 'dividend' | 'divisor'): number =>
  sign === 'divisor' && rest !== 0 && rest < 0 !== divisor < 0 ? rest + divisor : rest;
