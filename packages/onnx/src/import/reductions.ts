/** Ops along axes: reductions, normalised exponentials, extremes, running sums. */
import type { AttrsOf, Dim } from '@decouple/ir';
import { int64 } from '@decouple/tensor';
import { integersAt, integersOf, type Call, type Importer, type Refusal } from './call.ts';

type Kind = AttrsOf<'reduce'>['kind'];

interface Axes {
  /** Empty: nothing is reduced. */
  readonly axes: number[];
  readonly keepDims: boolean;
}

/** The axes of a reduction, an input since operator set `since`. All when none are given, unless that means none. */
function axesOf(call: Call, since: number): Axes | { readonly refusal: string } {
  const given = integersAt(call, 'axes', 1, since);
  if ('refusal' in given) return given;
  const rank = call.typeOf(0)?.shape.length;
  const keepDims = call.attrs.integer('keepdims', 1) !== 0;
  const none = call.attrs.integer('noop_with_empty_axes', 0) !== 0;
  if (given.list?.length) return { axes: given.list, keepDims };
  if (none) return { axes: [], keepDims };
  if (rank === undefined) return { refusal: 'the rank of the input is unknown' };
  return { axes: Array.from({ length: rank }, (_, axis) => axis), keepDims };
}

/** Adds the reduction of `value`, or nothing where no axis is reduced; returns what it gives. */
const reducedStep = (
  call: Call,
  role: string,
  kind: Kind,
  value: string,
  { axes, keepDims }: Axes,
): string => (axes.length ? call.step(role, 'reduce', [value], { kind, axes, keepDims }) : value);

interface Around {
  /** What is reduced in place of x. */
  readonly before?: 'abs' | 'square';
  /** What is made of the total. */
  readonly after?: 'sqrt' | 'log';
  /** Since when axes are an input. Default 18. */
  readonly since?: number;
}

const reduction =
  (kind: Kind, { before, after, since = 18 }: Around = {}): Importer =>
  (call): Refusal => {
    const found = axesOf(call, since);
    if ('refusal' in found) return found.refusal;
    let value = call.inputs[0] as string;
    if (before === 'abs') value = call.step('size', 'abs', [value], {});
    if (before === 'square') value = call.step('square', 'mul', [value, value], {});
    if (after) return call.result(after, [reducedStep(call, 'total', kind, value, found)], {});
    if (!found.axes.length) return call.result('identity', [value], {});
    call.result('reduce', [value], { kind, ...found });
  };

/** log Σ exp(x) = m + log Σ exp(x - m), m the (finite) maximum: nothing overflows. */
const logSumExp: Importer = (call) => {
  const found = axesOf(call, 18);
  if ('refusal' in found) return found.refusal;
  const x = call.inputs[0] as string;
  if (!found.axes.length) return call.result('identity', [x], {});
  const kept = { ...found, keepDims: true };
  const maximum = reducedStep(call, 'maximum', 'max', x, kept);
  const isFloat32 = call.typeOf(0)?.dtype === 'float32';
  const largest = isFloat32 ? call.step('largest', 'clip', [maximum], {}) : maximum;
  const powers = call.step('powers', 'exp', [call.step('shifted', 'sub', [x, largest], {})], {});
  const total = reducedStep(call, 'total', 'sum', powers, kept);
  const parts = [call.step('log', 'log', [total], {}), largest];
  if (found.keepDims) return call.result('add', parts, {});
  call.result('squeeze', [call.step('sum', 'add', parts, {})], { axes: found.axes });
};

const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

/**
 * An op along one axis. Before operator set 13, all axes from `axis` on counted as one: they are joined, and parted
 * again afterwards, unless at most the first of them is longer than 1.
 */
const alongAxis =
  (write: (call: Call, x: string, axis: number, role: string | undefined) => string): Importer =>
  (call) => {
    const x = call.inputs[0] as string;
    if (call.opset >= 13) return void write(call, x, call.attrs.integer('axis', -1), undefined);
    const axis = call.attrs.integer('axis', 1);
    const shape = call.typeOf(0)?.shape;
    if (!shape) return 'the shape of the input is unknown';
    const from = axis < 0 ? axis + shape.length : axis;
    if (shape.slice(from + 1).every((dim) => dim === 1))
      return void write(call, x, axis, undefined);
    const lead = range(from).map(() => 0);
    const target = partedShape(call, shape, from);
    if (!target)
      return `axes from ${axis} of [${shape.join(',')}] taken as one (as before opset 13)`;
    const joined = call.step('joined', 'reshape', [x], { shape: [...lead, -1] });
    call.result('reshape', [write(call, joined, from, 'along')], { shape: target });
  };

/** The target of a reshape that parts the axes from `from` on again. */
function partedShape(call: Call, shape: readonly Dim[], from: number): Dim[] | undefined {
  const tail = shape.slice(from);
  const open = tail.filter((dim) => typeof dim === 'string');
  const one = open.length === 1;
  if (!one && open.some((symbol) => !call.symbols.has(symbol))) return undefined;
  return [
    ...range(from).map(() => 0),
    ...tail.map((dim) => (one && typeof dim === 'string' ? -1 : dim)),
  ];
}

const softmax = (op: 'softmax' | 'log-softmax'): Importer =>
  alongAxis((call, x, axis, role) => {
    if (role !== undefined) return call.step(role, op, [x], { axis });
    call.result(op, [x], { axis });
    return '';
  });

/** 1 at the first maximum, else 0: where the place is that of the maximum. */
const hardmax: Importer = (call) => {
  const [type, given] = [call.typeOf(0), call.attrs.integer('axis', call.opset < 13 ? 1 : -1)];
  const size = type?.shape.at(given);
  if (!type || typeof size !== 'number') return 'the size of the axis is unknown';
  const axis = given < 0 ? given + type.shape.length : given;
  if (call.opset < 13 && !type.shape.slice(axis + 1).every((dim) => dim === 1))
    return 'several axes taken as one (as before opset 13)';
  const first = call.step('first', 'arg-extreme', call.inputs, { axis });
  const places = int64(range(size), [size, ...type.shape.slice(axis + 1).map(() => 1)]);
  const met = call.step('met', 'compare', [first, call.define('places', places)], {
    relation: 'equal',
  });
  call.result('cast', [met], { to: type.dtype });
};

const argExtreme =
  (largest: boolean): Importer =>
  (call) =>
    call.result('arg-extreme', call.inputs, {
      largest,
      axis: call.attrs.integer('axis', 0),
      keepDims: call.attrs.integer('keepdims', 1) !== 0,
      last: call.attrs.integer('select_last_index', 0) !== 0,
    });

/** Indices of the largest; the values are gathered by them. Sorted ones serve those who don't ask for an order. */
const topK: Importer = (call) => {
  const count = call.opset < 10 ? call.attrs.integer('k', 0) : integersOf(call, 1)?.[0];
  if (count === undefined) return 'k is computed at run time';
  call.attrs.ignore('sorted');
  const axis = call.attrs.integer('axis', -1);
  const attrs = { count, axis, largest: call.attrs.integer('largest', 1) !== 0 };
  const x = call.inputs[0] as string;
  let indices = call.outputs[1];
  if (indices) call.result('top-k', [x], attrs, 1);
  else indices = call.step('indices', 'top-k', [x], attrs);
  if (call.outputs[0]) call.result('gather-elements', [x, indices], { axis });
};

const cumulativeSum: Importer = (call) => {
  const axis = integersOf(call, 1)?.[0];
  if (axis === undefined) return 'the axis is computed at run time';
  call.result('cumulative-sum', [call.inputs[0] as string], {
    axis,
    exclusive: call.attrs.integer('exclusive', 0) !== 0,
    reverse: call.attrs.integer('reverse', 0) !== 0,
  });
};

export const reductions: Readonly<Record<string, Importer>> = {
  ReduceSum: reduction('sum', { since: 13 }),
  ReduceMean: reduction('mean'),
  ReduceMax: reduction('max'),
  ReduceMin: reduction('min'),
  ReduceProd: reduction('prod'),
  ReduceL1: reduction('sum', { before: 'abs' }),
  ReduceL2: reduction('sum', { before: 'square', after: 'sqrt' }),
  ReduceSumSquare: reduction('sum', { before: 'square' }),
  ReduceLogSum: reduction('sum', { after: 'log' }),
  ReduceLogSumExp: logSumExp,
  Softmax: softmax('softmax'),
  LogSoftmax: softmax('log-softmax'),
  Hardmax: hardmax,
  ArgMax: argExtreme(true),
  ArgMin: argExtreme(false),
  TopK: topK,
  CumSum: cumulativeSum,
};
