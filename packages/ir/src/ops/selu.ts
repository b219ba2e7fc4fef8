import { z } from 'zod';
import { unaryOp } from '../unary.ts';

export const selu = unaryOp({
  kind: 'selu',
  doc: 'gamma·x where x ≥ 0, else gamma·alpha·(exp(x) - 1), element by element.',
  attrs: z.strictObject({
    alpha: z.number().default(Math.fround(1.6732632423543772)).describe('limit below, negated'),
    gamma: z.number().default(Math.fround(1.0507009873554805)).describe('scale of both sides'),
  }),
  sampleAttrs: [{}, { alpha: 1.5, gamma: 2 }],
  apply: (value, { alpha, gamma }) => gamma * (value < 0 ? alpha * Math.expm1(value) : value),
});
