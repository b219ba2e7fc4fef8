import { z } from 'zod';
import { activate } from '../attributes.ts';
import { unaryOp } from '../unary.ts';

export const relu = unaryOp({
  kind: 'relu',
  doc: 'max(x, 0), element by element.',
  attrs: z.strictObject({}),
  apply: (value) => activate({ kind: 'relu' }, value),
});
