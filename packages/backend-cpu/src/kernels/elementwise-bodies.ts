/** Bodies that need exponentials, with their own scratch locals. */
import { exponential, hyperbolicTangent, sigmoid } from '../emit/exponential.ts';
import type { Emitter, Vector } from '../kernel.ts';
import type { MapBody } from './map.ts';

const withScratch =
  (emit: (f: Emitter, r: Vector, n: Vector) => void): MapBody =>
  (f, [x]) => {
    const [r, n] = f.locals('v128', 2) as [Vector, Vector];
    emit(f.get(x as Vector), r, n);
  };

export const exponentialBodies = {
  exp: withScratch(exponential),
  sigmoid: withScratch(sigmoid),
  tanh: withScratch(hyperbolicTangent),
};
