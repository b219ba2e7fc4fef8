import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const dropout = unaryOp({
  kind: 'dropout',
  doc: 'Dropout in inference: x, unchanged.',
  attrs: z.strictObject({}),
  apply: (value) => value,
});
