/**
 * eˣ of four floats: x = n·ln 2 + r with |r| ≤ ½ ln 2, a polynomial for eʳ (Cephes `expf`, error below 2 ulp), and
 * 2ⁿ by the exponent bits. Below -87 the result is 0 (no denormals), above 88 it is capped at e⁸⁸.
 */
import type { Emitter, Vector } from '../kernel.ts';

const log2e = 1.44269504088896341;
/** ln 2 in two parts: n · high is exact. */
const [ln2High, ln2Low] = [0.693359375, -2.1219444e-4];
const coefficients = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5,
];

/** Splits the vector on the stack: `r` becomes eʳ - 1 of its remainder, and 2ⁿ is left on the stack. */
function reduce(f: Emitter, r: Vector, n: Vector): void {
  const p = f.local('v128');
  f.tee(r).f32x4(log2e).op('f32x4.mul', 'f32x4.nearest').set(n);
  for (const part of [ln2High, ln2Low])
    f.get(r).get(n).f32x4(part).op('f32x4.mul', 'f32x4.sub').set(r);
  f.f32x4(coefficients[0] as number).set(p);
  for (const coefficient of coefficients.slice(1))
    f.get(p).get(r).op('f32x4.mul').f32x4(coefficient).op('f32x4.add').set(p);
  f.get(p).get(r).op('f32x4.mul').get(r).op('f32x4.mul').get(r).op('f32x4.add').set(r);
  f.get(n).op('i32x4.trunc_sat_f32x4_s').i32x4(127).op('i32x4.add').i32(23).op('i32x4.shl');
}

/** Replaces the vector on the stack by its exponential. Locals `r` and `n` are overwritten. */
export function exponential(f: Emitter, r: Vector, n: Vector): void {
  const belowRange = f.local('v128');
  f.f32x4(88).op('f32x4.pmin').tee(r).f32x4(-87).op('f32x4.lt').set(belowRange);
  f.get(r);
  reduce(f, r, n);
  f.get(r).f32x4(1).op('f32x4.add', 'f32x4.mul').get(belowRange).op('v128.andnot');
}

/** Replaces x on the stack by eˣ - 1 = 2ⁿ · (eʳ - 1) + (2ⁿ - 1), which keeps its digits near 0. */
export function exponentialMinusOne(f: Emitter, r: Vector, n: Vector): void {
  const power = f.local('v128');
  f.f32x4(88).op('f32x4.pmin').f32x4(-87).op('f32x4.pmax');
  reduce(f, r, n);
  f.tee(power).get(r).op('f32x4.mul').get(power).f32x4(1).op('f32x4.sub', 'f32x4.add');
}

/** Replaces x on the stack by 1 / (1 + e⁻ˣ). */
export function sigmoid(f: Emitter, r: Vector, n: Vector): void {
  const power = f.local('v128');
  f.op('f32x4.neg');
  exponential(f, r, n);
  f.set(power).f32x4(1).get(power).f32x4(1).op('f32x4.add', 'f32x4.div');
}

const tanhCoefficients = [
  -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
];

/** Replaces x on the stack by tanh x: an odd polynomial below 0.625, else ±(1 - 2 / (e^{2|x|} + 1)). */
export function hyperbolicTangent(f: Emitter, r: Vector, n: Vector): void {
  const [x, square, near] = f.locals('v128', 3) as [Vector, Vector, Vector];
  f.tee(x).get(x).op('f32x4.mul').set(square);
  f.f32x4(tanhCoefficients[0] as number);
  for (const coefficient of tanhCoefficients.slice(1))
    f.get(square).op('f32x4.mul').f32x4(coefficient).op('f32x4.add');
  f.get(square).op('f32x4.mul').get(x).op('f32x4.mul').get(x).op('f32x4.add').set(near);
  const [power, sign] = f.locals('v128', 2) as [Vector, Vector];
  f.get(x).op('f32x4.abs').f32x4(2).op('f32x4.mul');
  exponential(f, r, n);
  f.set(power).get(x).f32x4(-0).op('v128.and').set(sign);
  f.get(near).f32x4(1).f32x4(2).get(power).f32x4(1).op('f32x4.add', 'f32x4.div', 'f32x4.sub');
  f.get(sign).op('v128.or');
  f.get(x).op('f32x4.abs').f32x4(0.625).op('f32x4.lt', 'v128.bitselect');
}
