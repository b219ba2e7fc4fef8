import { roundToEven } from '@decouple/tensor';
import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const round = unaryOp({
  kind: 'round',
  doc: 'Nearest whole number, element by element; halves go to the even neighbour.',
  attrs: z.strictObject({}),
  apply: (value) => (Number.isFinite(value) ? roundToEven(value) : value),
});
