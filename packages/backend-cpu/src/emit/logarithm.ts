/** Logarithms of four floats, and the error function. */
import type { Emitter, Vector } from '../kernel.ts';
import { exponential } from './exponential.ts';

/** Replaces the vector on the stack by Σ coefficients[i] · xⁿ⁻ⁱ. */
function polynomial(f: Emitter, x: Vector, coefficients: readonly number[]): void {
  f.f32x4(coefficients[0] as number);
  for (const coefficient of coefficients.slice(1))
    f.get(x).op('f32x4.mul').f32x4(coefficient).op('f32x4.add');
}

const logCoefficients = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1,
  -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
];
const leastNormal = 2 ** -126;

/**
 * Replaces x on the stack by log x: x = m · 2ᵉ with √½ ≤ m < √2, a polynomial for log m (Cephes `logf`) and e · ln 2
 * in two parts. Numbers below the normal ones are scaled first; 0 gives -∞, negative numbers NaN, ∞ itself.
 */
export function logarithm(f: Emitter): void {
  const [x, e, m, small, square] = f.locals('v128', 5) as [Vector, Vector, Vector, Vector, Vector];
  f.tee(x).f32x4(leastNormal).op('f32x4.lt').set(small);
  f.get(x)
    .f32x4(2 ** 23)
    .op('f32x4.mul')
    .get(x)
    .get(small)
    .op('v128.bitselect')
    .set(m);
  // The bits of √½ taken from those of m, so that the exponent field counts from √½ on.
  const root = new Int32Array(new Float32Array([Math.SQRT1_2]).buffer)[0] as number;
  f.get(m).i32x4(root).op('i32x4.sub').i32(23).op('i32x4.shr_s').set(e);
  f.get(m).get(e).i32(23).op('i32x4.shl', 'i32x4.sub').f32x4(1).op('f32x4.sub').set(m);
  f.get(e).op('f32x4.convert_i32x4_s');
  f.f32x4(23).get(small).op('v128.and', 'f32x4.sub').set(e);
  f.get(m).get(m).op('f32x4.mul').set(square);
  polynomial(f, m, logCoefficients);
  f.get(m).op('f32x4.mul').get(square).op('f32x4.mul');
  f.get(e).f32x4(-2.1219444e-4).op('f32x4.mul', 'f32x4.add');
  f.get(square).f32x4(0.5).op('f32x4.mul', 'f32x4.sub');
  f.get(m).op('f32x4.add').get(e).f32x4(0.693359375).op('f32x4.mul', 'f32x4.add').set(m);
  const choose = (value: number, condition: 'f32x4.eq' | 'f32x4.lt', bound: number): void =>
    void f.f32x4(value).get(m).get(x).f32x4(bound).op(condition, 'v128.bitselect').set(m);
  choose(Infinity, 'f32x4.eq', Infinity);
  choose(-Infinity, 'f32x4.eq', 0);
  choose(NaN, 'f32x4.lt', 0);
  f.get(x).get(m).get(x).get(x).op('f32x4.ne', 'v128.bitselect');
}

/**
 * Replaces x on the stack by log(1 + eˣ) = max(x, 0) + log(1 + u), u = e^{-|x|}. With s = u / (2 + u) ≤ ⅓ the
 * logarithm is 2 · artanh s = 2 (s + s³/3 + s⁵/5 + …).
 */
export function softplus(f: Emitter, r: Vector, n: Vector): void {
  const [x, s, square] = f.locals('v128', 3) as [Vector, Vector, Vector];
  f.tee(x).op('f32x4.abs', 'f32x4.neg');
  exponential(f, r, n);
  f.tee(s).get(s).f32x4(2).op('f32x4.add', 'f32x4.div').tee(s);
  f.get(s).op('f32x4.mul').set(square);
  polynomial(f, square, [2 / 15, 2 / 13, 2 / 11, 2 / 9, 2 / 7, 2 / 5, 2 / 3, 2]);
  f.get(s).op('f32x4.mul').get(x).f32x4(0).op('f32x4.pmax', 'f32x4.add');
}

const nearCoefficients = [
  7.853861353153693e-5, -8.010193625184903e-4, 5.188327685732524e-3, -2.685381193529856e-2,
  1.128358514861418e-1, -3.7612625824233e-1, 1.12837916672671,
];
/** Of t = 1 / (1 + p |x|). */
const farCoefficients = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592, 0];
const farScale = 0.3275911;

/**
 * Replaces x on the stack by erf x: an odd polynomial up to 1 (Cephes `erff`), beyond 1 - P(t) · e^{-x²} (Abramowitz
 * and Stegun 7.1.26, error below 1.5e-7).
 */
export function errorFunction(f: Emitter, r: Vector, n: Vector): void {
  const [x, square, t, power, far] = f.locals('v128', 5) as [
    Vector,
    Vector,
    Vector,
    Vector,
    Vector,
  ];
  f.tee(x).get(x).op('f32x4.mul').tee(square).op('f32x4.neg');
  exponential(f, r, n);
  f.set(power).f32x4(1).get(x).op('f32x4.abs').f32x4(farScale).op('f32x4.mul').f32x4(1);
  f.op('f32x4.add', 'f32x4.div').set(t);
  f.f32x4(1);
  polynomial(f, t, farCoefficients);
  f.get(power).op('f32x4.mul', 'f32x4.sub').get(x).f32x4(-0).op('v128.and', 'v128.or').set(far);
  polynomial(f, square, nearCoefficients);
  f.get(x).op('f32x4.mul').get(far);
  f.get(square).f32x4(1).op('f32x4.lt', 'v128.bitselect');
  f.set(t).get(x).get(t).get(x).get(x).op('f32x4.ne', 'v128.bitselect');
}
