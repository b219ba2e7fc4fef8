import { z } from 'zod';
import { randomFloats } from '../sampling.ts';
import { unaryOp } from '../unary.ts';

const functions = [
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'asinh',
  'acosh',
  'atanh',
] as const;

export const trigonometric = unaryOp({
  kind: 'trigonometric',
  doc: 'A trigonometric or hyperbolic function or its inverse, in radians, element by element (tanh is an op of its own).',
  attrs: z.strictObject({ function: z.enum(functions).describe('which one') }),
  sampleAttrs: functions.map((name) => ({ function: name })),
  // Within ±1, where all but acosh are defined.
  sampleValues: (random, shape) => {
    const values = randomFloats(random, shape);
    return { ...values, data: values.data.map((value) => 0.99 * Math.sin(value)) };
  },
  apply: (value, { function: name }) => Math[name](value),
});
