/** Activations and arithmetic, element by element; softmax and means. */
import { cast, float32, numbersOf } from '@decouple/tensor';
import { dtypeOf } from '../tensors.ts';
import { integersAt, type Call, type Importer } from './call.ts';

/** What `clip` and `pad` use for "no bound": the largest float32. */
export const largestFloat = 3.4028234663852886e38;

/** Ops of one input without attributes, named as in ONNX but for case. */
type PlainUnary =
  | 'relu'
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
  | 'floor'
  | 'ceil'
  | 'round';

const unary =
  (op: PlainUnary): Importer =>
  (call) =>
    call.result(op, call.inputs, {});

/**
 * Before opset 7, `broadcast` aligned the axes of b with those of a from `axis` on; without it they end together, as
 * they do since.
 */
function alignedRight(call: Call): string | undefined {
  const b = call.inputs[1] ?? '';
  if (call.opset >= 7 || !call.attrs.integer('broadcast', 0) || !call.attrs.has('axis')) return b;
  const [ranks, axis] = [
    [0, 1].map((at) => call.typeOf(at)?.shape.length),
    call.attrs.integer('axis', 0),
  ];
  const [left, right] = ranks;
  if (left === undefined || right === undefined) return undefined;
  const trailing = left - (axis < 0 ? axis + left : axis) - right;
  if (trailing <= 0) return b;
  const axes = Array.from({ length: trailing }, (_, at) => right + at);
  return call.step('aligned', 'unsqueeze', [b], { axes });
}

const binary =
  (op: 'add' | 'sub' | 'mul' | 'div'): Importer =>
  (call) => {
    const right = alignedRight(call);
    if (right === undefined) return 'the ranks of the inputs are unknown';
    call.result(op, [call.inputs[0] as string, right, ...call.inputs.slice(2)], {});
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

/** A bound of Clip: an attribute before opset 11, then an optional input. `undefined`: computed at run time. */
function bound(call: Call, name: 'min' | 'max', index: number): number | undefined {
  const none = name === 'min' ? -largestFloat : largestFloat;
  let value: number | undefined = none;
  if (call.opset < 11) value = call.attrs.float(name, none);
  else if (call.has(index)) {
    const given = call.constant(index);
    value = given?.data.length === 1 ? numbersOf(given)[0] : undefined;
  }
  return value && Math.min(Math.max(value, -largestFloat), largestFloat);
}

const clip: Importer = (call) => {
  const [min, max] = [bound(call, 'min', 1), bound(call, 'max', 2)];
  if (min === undefined || max === undefined) return 'bounds are computed at run time';
  call.result('clip', [call.inputs[0] as string], { min, max });
};

const neg: Importer = (call) => {
  const type = call.typeOf(0);
  if (!type) return 'the type of the input is unknown';
  const minusOne = call.define('minus-one', cast(float32([], [-1]), type.dtype));
  call.result('mul', [call.inputs[0] as string, minusOne], {});
};

const sum: Importer = (call) => {
  const [first, ...rest] = call.inputs as [string, ...string[]];
  const last = rest.pop();
  if (last === undefined) return call.result('identity', [first], {});
  const partial = rest.reduce(
    (total, next, index) => call.step(`${index}`, 'add', [total, next], {}),
    first,
  );
  call.result('add', [partial, last], {});
};

const softmax: Importer = (call) => {
  const shape = call.typeOf(0)?.shape;
  if (call.opset >= 13) {
    call.result('softmax', call.inputs, { axis: call.attrs.integer('axis', -1) });
    return;
  }
  // Before opset 13 all axes from `axis` on were one: the same unless more than that axis is longer than 1.
  const axis = call.attrs.integer('axis', 1);
  if (!shape) return 'the shape of the input is unknown';
  const from = axis < 0 ? axis + shape.length : axis;
  if (!shape.slice(from + 1).every((dim) => dim === 1))
    return `softmax over all axes from ${axis} of [${shape.join(',')}] (as before opset 13)`;
  call.result('softmax', call.inputs, { axis });
};

const reduceMean: Importer = (call) => {
  const axes = integersAt(call, 'axes', 1, 18);
  if ('refusal' in axes) return axes.refusal;
  const rank = call.typeOf(0)?.shape.length;
  const none = call.attrs.integer('noop_with_empty_axes', 0) !== 0;
  const keepDims = call.attrs.integer('keepdims', 1) !== 0;
  if (!axes.list?.length && none) return call.result('identity', [call.inputs[0] as string], {});
  const list = axes.list?.length
    ? axes.list
    : rank && Array.from({ length: rank }, (_, axis) => axis);
  if (!list) return 'the rank of the input is unknown';
  call.result('reduce-mean', [call.inputs[0] as string], { axes: list, keepDims });
};

const castTo: Importer = (call) => {
  call.attrs.ignore('saturate', 'round_mode');
  if (call.opset < 6) return 'element types as text (as before opset 6)';
  const to = dtypeOf(call.attrs.integer('to', 0));
  if (!to) return `element type ${call.attrs.integer('to', 0)} has no counterpart here`;
  call.result('cast', call.inputs, { to });
};

const dropout: Importer = (call) => {
  call.attrs.ignore('ratio', 'seed');
  if (call.outputs[1]) return 'the mask is used';
  if (call.opset < 7 && call.attrs.integer('is_test', 0) === 0) return 'training mode';
  const training = call.constant(2);
  if (call.has(2) && (!training || numbersOf(training)[0] !== 0)) return 'training mode';
  call.result('dropout', [call.inputs[0] as string], {});
};

export const elementwise: Readonly<Record<string, Importer>> = {
  Relu: unary('relu'),
  Sigmoid: unary('sigmoid'),
  Tanh: unary('tanh'),
  HardSwish: unary('hard-swish'),
  Identity: unary('identity'),
  Softplus: unary('softplus'),
  Erf: unary('erf'),
  Exp: unary('exp'),
  Log: unary('log'),
  Sqrt: unary('sqrt'),
  Abs: unary('abs'),
  Floor: unary('floor'),
  Ceil: unary('ceil'),
  Round: unary('round'),
  Elu: elu,
  Selu: selu,
  Add: binary('add'),
  Sub: binary('sub'),
  Mul: binary('mul'),
  Div: binary('div'),
  LeakyRelu: leakyRelu,
  HardSigmoid: hardSigmoid,
  Clip: clip,
  Neg: neg,
  Sum: sum,
  Softmax: softmax,
  ReduceMean: reduceMean,
  Cast: castTo,
  Dropout: dropout,
};
