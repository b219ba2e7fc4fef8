import { z } from 'zod';
import { unaryOp } from '../unary.ts';

/** Halves go to the even neighbour. */
function roundToEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}

export const round = unaryOp({
  kind: 'round',
  doc: 'Nearest whole number, element by element; halves go to the even neighbour.',
  attrs: z.strictObject({}),
  apply: (value) => (Number.isFinite(value) ? roundToEven(value) : value),
});
