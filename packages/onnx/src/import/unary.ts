/** Functions of one value, element by element. What other functions make up is spelled out in them. */
import type { AttrsOf } from '@decouple/ir';
import { filled, numbersOf } from '@decouple/tensor';
import type { Call, Importer } from './call.ts';

/** Ops of one input without attributes, named as in ONNX but for case. */
type PlainUnary =
  | 'sigmoid'
  | 'tanh'
  | 'hard-swish'
  | 'identity'
  | 'softplus'
  | 'erf'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'abs'
  | 'sign'
  | 'floor'
  | 'ceil'
  | 'round'
  | 'not';

const unary =
  (op: PlainUnary): Importer =>
  (call) =>
    call.result(op, call.inputs, {});

const trigonometric =
  (name: AttrsOf<'trigonometric'>['function']): Importer =>
  (call) =>
    call.result('trigonometric', call.inputs, { function: name });

/** A scalar constant of the element type of the first input (float32 if that is unknown). */
export const scalarLike = (call: Call, role: string, value: number): string =>
  call.define(role, filled(call.typeOf(0)?.dtype ?? 'float32', [], value));

type BinaryOp = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max';

/** Steps of a formula in x: each is an op of one value, or of two of which one may be a number. */
interface Formula {
  readonly x: string;
  readonly apply: (role: string, op: PlainUnary, value: string) => string;
  readonly join: (role: string, op: BinaryOp, a: string, b: string | number) => string;
  /** The last step, which gives the result. */
  readonly finish: (op: BinaryOp, a: string, b: string | number) => void;
}

function formula(call: Call): Formula {
  const operand = (role: string, value: string | number): string =>
    typeof value === 'string' ? value : scalarLike(call, role, value);
  return {
    x: call.inputs[0] as string,
    apply: (role, op, value) => call.step(role, op, [value], {}),
    join: (role, op, a, b) => call.step(role, op, [a, operand(`${role}.by`, b)], {}),
    finish: (op, a, b) => call.result(op, [a, operand('by', b)], {}),
  };
}

const relu: Importer = (call) => {
  const type = call.typeOf(0);
  if (!type || type.dtype.startsWith('float')) return call.result('relu', call.inputs, {});
  formula(call).finish('max', call.inputs[0] as string, 0);
};

const leakyRelu: Importer = (call) =>
  call.result('leaky-relu', call.inputs, { alpha: call.attrs.float('alpha', Math.fround(0.01)) });

const elu: Importer = (call) =>
  call.result('elu', call.inputs, { alpha: call.attrs.float('alpha', 1) });

const selu: Importer = (call) =>
  call.result('selu', call.inputs, {
    alpha: call.attrs.float('alpha', Math.fround(1.6732632423543772)),
    gamma: call.attrs.float('gamma', Math.fround(1.0507009873554805)),
  });

const hardSigmoid: Importer = (call) =>
  call.result('hard-sigmoid', call.inputs, {
    alpha: call.attrs.float('alpha', Math.fround(0.2)),
    beta: call.attrs.float('beta', 0.5),
  });

/** alpha · elu(x / alpha) */
const celu: Importer = (call) => {
  const alpha = call.attrs.float('alpha', 1);
  if (alpha === 1) return call.result('elu', call.inputs, { alpha });
  const { x, join, finish } = formula(call);
  finish('mul', call.step('elu', 'elu', [join('scaled', 'div', x, alpha)], { alpha: 1 }), alpha);
};

/** x / (1 + |x|) */
const softsign: Importer = (call) => {
  const { x, apply, join, finish } = formula(call);
  finish('div', x, join('divisor', 'add', apply('size', 'abs', x), 1));
};

/** x · tanh(softplus(x)) */
const mish: Importer = (call) => {
  const { x, apply, finish } = formula(call);
  finish('mul', x, apply('gate', 'tanh', apply('softplus', 'softplus', x)));
};

/** x · sigmoid(alpha · x) */
const swish: Importer = (call) => {
  const alpha = call.attrs.float('alpha', 1);
  const { x, apply, join, finish } = formula(call);
  finish('mul', x, apply('gate', 'sigmoid', alpha === 1 ? x : join('scaled', 'mul', x, alpha)));
};

/** ½x · (1 + erf(x / √2)), or ½x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) */
const gelu: Importer = (call) => {
  const approximate = call.attrs.text('approximate', 'none');
  const { x, apply, join, finish } = formula(call);
  let gate: string;
  if (approximate === 'none') gate = apply('erf', 'erf', join('scaled', 'mul', x, Math.SQRT1_2));
  else if (approximate === 'tanh') {
    const cube = join('cube', 'mul', join('square', 'mul', x, x), x);
    const inner = join('sum', 'add', x, join('bend', 'mul', cube, 0.044715));
    gate = apply('tanh', 'tanh', join('scaled', 'mul', inner, Math.sqrt(2 / Math.PI)));
  } else return `approximate '${approximate}'`;
  finish('mul', join('half', 'mul', x, 0.5), join('gate', 'add', gate, 1));
};

const greater = (call: Call, role: string, a: string, b: string): string =>
  call.step(role, 'compare', [a, b], { relation: 'greater' });

/** x where x > alpha, else 0 */
const thresholdedRelu: Importer = (call) => {
  const x = call.inputs[0] as string;
  const above = greater(call, 'above', x, scalarLike(call, 'alpha', call.attrs.float('alpha', 1)));
  call.result('where', [above, x, scalarLike(call, 'zero', 0)], {});
};

/** x - bias where x > lambd, x + bias where x < -lambd, else 0 */
const shrink: Importer = (call) => {
  const [bias, limit] = [call.attrs.float('bias', 0), call.attrs.float('lambd', 0.5)];
  const { x, join } = formula(call);
  const above = greater(call, 'above', x, scalarLike(call, 'lambd', limit));
  const below = greater(call, 'below', scalarLike(call, 'minus-lambd', -limit), x);
  const negative = [below, join('raised', 'add', x, bias), scalarLike(call, 'zero', 0)];
  const rest = call.step('negative', 'where', negative, {});
  call.result('where', [above, join('lowered', 'sub', x, bias), rest], {});
};

/** Only a NaN differs from itself. */
const isNaN: Importer = (call) => {
  const x = call.inputs[0] as string;
  call.result('not', [call.step('same', 'compare', [x, x], { relation: 'equal' })], {});
};

/** Beyond the largest finite number. */
const isInf: Importer = (call) => {
  const positive = call.attrs.integer('detect_positive', 1) !== 0;
  const negative = call.attrs.integer('detect_negative', 1) !== 0;
  if (!positive && !negative) return 'neither infinity is sought';
  const largest = call.typeOf(0)?.dtype === 'float64' ? Number.MAX_VALUE : largestFloat;
  const { x, apply } = formula(call);
  const pair = !negative
    ? [x, scalarLike(call, 'largest', largest)]
    : !positive
      ? [scalarLike(call, 'least', -largest), x]
      : [apply('size', 'abs', x), scalarLike(call, 'largest', largest)];
  call.result('compare', pair, { relation: 'greater' });
};

/** The largest finite float32; what `clip` uses for "no bound". */
export const largestFloat = 3.4028234663852886e38;

const neg: Importer = (call) => {
  if (!call.typeOf(0)) return 'the type of the input is unknown';
  formula(call).finish('mul', call.inputs[0] as string, -1);
};

const reciprocal: Importer = (call) => {
  if (!call.typeOf(0)) return 'the type of the input is unknown';
  call.result('div', [scalarLike(call, 'one', 1), call.inputs[0] as string], {});
};

const dropout: Importer = (call) => {
  call.attrs.ignore('ratio', 'seed');
  if (call.outputs[1]) return 'the mask is used';
  if (call.opset < 7 && call.attrs.integer('is_test', 0) === 0) return 'training mode';
  const training = call.constant(2);
  if (call.has(2) && (!training || numbersOf(training)[0] !== 0)) return 'training mode';
  call.result('dropout', [call.inputs[0] as string], {});
};

export const activations: Readonly<Record<string, Importer>> = {
  Relu: relu,
  LeakyRelu: leakyRelu,
  ThresholdedRelu: thresholdedRelu,
  Elu: elu,
  Selu: selu,
  Celu: celu,
  Sigmoid: unary('sigmoid'),
  HardSigmoid: hardSigmoid,
  HardSwish: unary('hard-swish'),
  Swish: swish,
  Mish: mish,
  Gelu: gelu,
  Softplus: unary('softplus'),
  Softsign: softsign,
  Shrink: shrink,
  Tanh: unary('tanh'),
  Identity: unary('identity'),
  Dropout: dropout,
  Erf: unary('erf'),
  Exp: unary('exp'),
  Log: unary('log'),
  Sqrt: unary('sqrt'),
  Abs: unary('abs'),
  Sign: unary('sign'),
  Neg: neg,
  Reciprocal: reciprocal,
  Floor: unary('floor'),
  Ceil: unary('ceil'),
  Round: unary('round'),
  Sin: trigonometric('sin'),
  Cos: trigonometric('cos'),
  Tan: trigonometric('tan'),
  Asin: trigonometric('asin'),
  Acos: trigonometric('acos'),
  Atan: trigonometric('atan'),
  Sinh: trigonometric('sinh'),
  Cosh: trigonometric('cosh'),
  Asinh: trigonometric('asinh'),
  Acosh: trigonometric('acosh'),
  Atanh: trigonometric('atanh'),
  Not: unary('not'),
  IsNaN: isNaN,
  IsInf: isInf,
};
