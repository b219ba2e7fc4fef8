import { z } from 'zod';
import { activate } from '../attributes.ts';
import { unaryOp } from '../unary.ts';

/** The largest finite float32: a bound that is absent. */
const largest = 3.4028234663852886e38;

export const clip = unaryOp({
  kind: 'clip',
  doc: 'min(max(x, min), max), element by element.',
  attrs: z.strictObject({
    min: z.number().default(-largest).describe('lower bound'),
    max: z.number().default(largest).describe('upper bound; wins when below the lower one'),
  }),
  sampleAttrs: [{ min: 0, max: 6 }, { min: -1 }, { max: 1 }, {}],
  apply: (value, { min, max }) => activate({ kind: 'clip', min, max }, value),
});
