/** Bodies that need exponentials, with their own scratch locals. */
import {
  exponential,
  exponentialMinusOne,
  hyperbolicTangent,
  sigmoid,
} from '../emit/exponential.ts';
import { errorFunction, logarithm, softplus } from '../emit/logarithm.ts';
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
  log: withScratch((f) => logarithm(f)),
  softplus: withScratch(softplus),
  erf: withScratch(errorFunction),
};

/** gamma · x where x ≥ 0, else gamma · alpha · (eˣ - 1). */
export const exponentialBelow = (alpha: number, gamma: number): MapBody =>
  withScratch((f, r, n) => {
    const x = f.local('v128');
    f.tee(x).f32x4(gamma).op('f32x4.mul').get(x);
    exponentialMinusOne(f, r, n);
    f.f32x4(gamma * alpha).op('f32x4.mul');
    f.get(x).f32x4(0).op('f32x4.lt', 'v128.not', 'v128.bitselect');
  });
