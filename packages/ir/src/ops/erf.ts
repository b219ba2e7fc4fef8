/** The error function erf(x) = 2/√π · ∫₀ˣ exp(-t²) dt: its Taylor series up to 3, a continued fraction beyond. */
import { z } from 'zod';
import { unaryOp } from '../unary.ts';

function series(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** 1 - erf(x) = exp(-x²)/√π · 1/(x + ½/(x + 1/(x + 3⁄2/(x + …)))) for x > 0. */
function complement(x: number): number {
  let fraction = x;
  for (let n = 60; n > 0; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
}

export const erf = unaryOp({
  kind: 'erf',
  doc: 'The error function, element by element.',
  attrs: z.strictObject({}),
  apply: (value) => {
    const size = Math.abs(value);
    if (Number.isNaN(value)) return value;
    return size < 3 ? series(value) : Math.sign(value) * (1 - complement(size));
  },
});
