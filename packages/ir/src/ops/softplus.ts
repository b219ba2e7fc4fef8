import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const softplus = unaryOp({
  kind: 'softplus',
  doc: 'log(1 + exp(x)), element by element.',
  attrs: z.strictObject({}),
  apply: (value) => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value))),
});
