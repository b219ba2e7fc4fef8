/** Functions of several values, element by element with broadcasting: arithmetic, comparisons, logic, casts. */
import type { AttrsInput, OpKind } from '@decouple/ir';
import { numbersOf } from '@decouple/tensor';
import { dtypeOf, precisionOf } from '../tensors.ts';
import type { Call, Importer } from './call.ts';
import { largestFloat, scalarLike } from './unary.ts';

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
  <K extends OpKind>(op: K, attrs: AttrsInput<K>): Importer =>
  (call) => {
    const right = alignedRight(call);
    if (right === undefined) return 'the ranks of the inputs are unknown';
    call.result(op, [call.inputs[0] as string, right, ...call.inputs.slice(2)], attrs);
  };

/** `less` is `greater` the other way round. */
const exchanged =
  (relation: AttrsInput<'compare'>['relation']): Importer =>
  (call) => {
    const right = alignedRight(call);
    if (right === undefined) return 'the ranks of the inputs are unknown';
    call.result('compare', [right, call.inputs[0] as string], { relation });
  };

/** A square is a product; kernels have no other powers. */
const pow: Importer = (call) => {
  const [x, exponent] = [call.typeOf(0), call.constant(1)];
  const square = exponent?.data.length === 1 && numbersOf(exponent)[0] === 2;
  if (!x || !square || exponent.shape.length > x.shape.length) return binary('pow', {})(call);
  call.attrs.ignore('broadcast', 'axis');
  call.result('mul', [call.inputs[0] as string, call.inputs[0] as string], {});
};

/** Before operator set 7 a list of slopes was one for each channel. */
const prelu: Importer = (call) => {
  const [x = '', slope = ''] = call.inputs;
  const [rank, slopes] = [call.typeOf(0)?.shape.length, call.typeOf(1)?.shape];
  if (call.opset >= 7 || slopes?.length !== 1 || slopes[0] === 1)
    return call.result('prelu', [x, slope], {});
  if (rank === undefined) return 'the rank of the input is unknown';
  const axes = Array.from({ length: Math.max(rank - 2, 0) }, (_, at) => at + 1);
  call.result('prelu', [x, call.step('per-channel', 'unsqueeze', [slope], { axes })], {});
};

const mod: Importer = (call) => {
  const sign = call.attrs.integer('fmod', 0) !== 0 ? 'dividend' : 'divisor';
  call.result('mod', call.inputs, { sign });
};

/** All but the last of a chain a ∘ b ∘ c …; `undefined` when there is only one value. */
function chain(call: Call, op: 'add' | 'min' | 'max'): [string, string] | undefined {
  const [first, ...rest] = call.inputs as [string, ...string[]];
  const last = rest.pop();
  if (last === undefined) return undefined;
  const partial = rest.reduce(
    (total, next, index) => call.step(`${index}`, op, [total, next], {}),
    first,
  );
  return [partial, last];
}

const variadic =
  (op: 'add' | 'min' | 'max'): Importer =>
  (call) => {
    const pair = chain(call, op);
    if (pair) call.result(op, pair, {});
    else call.result('identity', call.inputs, {});
  };

const mean: Importer = (call) => {
  const pair = chain(call, 'add');
  if (!pair) return call.result('identity', call.inputs, {});
  const total = call.step('sum', 'add', pair, {});
  call.result('div', [total, scalarLike(call, 'count', call.inputs.length)], {});
};

/** A bound of Clip that is known: an attribute before opset 11, then a constant. `undefined`: computed at run time. */
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

/** A bound of Clip as a value; `undefined` when there is none. */
function boundValue(call: Call, name: 'min' | 'max', index: number): string | undefined {
  if (call.opset >= 11) return call.has(index) ? call.inputs[index] : undefined;
  return call.attrs.has(name) ? scalarLike(call, name, call.attrs.float(name, 0)) : undefined;
}

/** Whole numbers and computed bounds are clipped by `max` and `min`. */
const clip: Importer = (call) => {
  const x = call.inputs[0] as string;
  const [low, high] = [bound(call, 'min', 1), bound(call, 'max', 2)];
  const type = call.typeOf(0);
  if ((!type || type.dtype === 'float32') && low !== undefined && high !== undefined)
    return call.result('clip', [x], { min: low, max: high });
  const [least, most] = [boundValue(call, 'min', 1), boundValue(call, 'max', 2)];
  if (most === undefined)
    return least === undefined
      ? call.result('identity', [x], {})
      : call.result('max', [x, least], {});
  const raised = least === undefined ? x : call.step('raised', 'max', [x, least], {});
  call.result('min', [raised, most], {});
};

const castTo: Importer = (call) => {
  call.attrs.ignore('saturate', 'round_mode');
  if (call.opset < 6) return 'element types as text (as before opset 6)';
  const dataType = call.attrs.integer('to', 0);
  const to = dtypeOf(dataType);
  if (!to) return `element type ${dataType} has no counterpart here`;
  call.result('cast', call.inputs, { to, precision: precisionOf(dataType) });
};

const castLike: Importer = (call) => {
  call.attrs.ignore('saturate', 'round_mode');
  const like = call.typeOf(1);
  if (!like) return 'the element type to cast to is unknown';
  call.result('cast', [call.inputs[0] as string], { to: like.dtype });
};

export const arithmetic: Readonly<Record<string, Importer>> = {
  Add: binary('add', {}),
  Sub: binary('sub', {}),
  Mul: binary('mul', {}),
  Div: binary('div', {}),
  Mod: mod,
  Pow: pow,
  PRelu: prelu,
  Sum: variadic('add'),
  Mean: mean,
  Min: variadic('min'),
  Max: variadic('max'),
  Clip: clip,
  Equal: binary('compare', { relation: 'equal' }),
  Greater: binary('compare', { relation: 'greater' }),
  GreaterOrEqual: binary('compare', { relation: 'greater-or-equal' }),
  Less: exchanged('greater'),
  LessOrEqual: exchanged('greater-or-equal'),
  And: binary('logical', { operator: 'and' }),
  Or: binary('logical', { operator: 'or' }),
  Xor: binary('logical', { operator: 'xor' }),
  Where: (call) => call.result('where', call.inputs, {}),
  Cast: castTo,
  CastLike: castLike,
};
