/** Ops that move elements or compute shapes. Lists that newer opsets pass as inputs must be constant by now. */
import { divideDim, multiplyDims, type AttrsInput, type Dim } from '@decouple/ir';
import { float32, int64, ModelError, numbersOf, type Tensor } from '@decouple/tensor';
import { integersAt, integersOf, type Call, type Importer } from './call.ts';
import { clampInteger } from './attributes.ts';

const first = (call: Call): [string] => [call.inputs[0] as string];
const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

/** The size of an axis, or `undefined` when it is symbolic or unknown. */
function sizeAt(call: Call, axis: number): number | undefined {
  const shape = call.typeOf(0)?.shape;
  const dim = shape?.[axis < 0 ? axis + shape.length : axis];
  return typeof dim === 'number' ? dim : undefined;
}

/** Beyond any size: what "to the end" is written as where the size is not known. */
const end = 2 ** 31 - 1;

/** A start or end in the range that means something: [-size - 1, size]. */
function clampTo(size: number | undefined, position: number): number {
  const limit = size ?? end;
  return Math.min(Math.max(position, -limit - 1), limit);
}

/** Integers of an input, where a dimension of the sliced axis itself counts as its end. */
function positions(call: Call, index: number, axes: readonly number[]): number[] | undefined {
  const shape = call.typeOf(0)?.shape;
  const list = call.contents(index)?.map((dim, place): Dim => {
    const axis = axes[place] ?? 0;
    return dim === shape?.[axis < 0 ? axis + shape.length : axis] ? end : dim;
  });
  return list?.every((dim) => typeof dim === 'number') ? list : undefined;
}

const slice: Importer = (call) => {
  const inputs = call.opset >= 10;
  const given = inputs ? integersOf(call, 1) : call.attrs.integers('starts');
  const axes =
    (inputs ? integersOf(call, 3) : call.attrs.integers('axes')) ?? range(given?.length ?? 0);
  const steps = (inputs ? integersOf(call, 4) : undefined) ?? axes.map(() => 1);
  const starts = inputs ? positions(call, 1, axes) : given;
  const ends = inputs ? positions(call, 2, axes) : call.attrs.integers('ends');
  if (inputs && ((call.has(3) && !call.contents(3)) || (call.has(4) && !call.contents(4))))
    return 'axes or steps are computed at run time';
  if (!starts || !ends) return 'starts or ends are computed at run time';
  if (new Set([starts.length, ends.length, axes.length, steps.length]).size > 1)
    return 'starts, ends, axes and steps differ in length';
  const clamp = (list: readonly number[]): number[] =>
    list.map((position, place) => clampTo(sizeAt(call, axes[place] as number), position));
  call.result('slice', first(call), { axes, starts: clamp(starts), ends: clamp(ends), steps });
};

const pad: Importer = (call) => {
  const mode = call.attrs.text('mode', 'constant') as NonNullable<AttrsInput<'pad'>['mode']>;
  const list = integersAt(call, 'pads', 1, 11);
  if ('refusal' in list) return list.refusal;
  let value = 0;
  if (call.opset < 11) value = call.attrs.float('value', 0);
  else if (call.has(2)) {
    const given = call.constant(2);
    if (!given || given.data.length !== 1) return 'the value is computed at run time';
    value = numbersOf(given)[0] as number;
  }
  const axes = call.has(3) ? integersOf(call, 3) : undefined;
  if (call.has(3) && !axes) return 'axes are computed at run time';
  const pads = axes ? scatterPads(call, axes, list.list ?? []) : (list.list ?? []);
  if (!pads) return 'the rank of the input is unknown';
  if (!Number.isFinite(value)) return `a padding value of ${value}`;
  call.result('pad', first(call), { mode, pads, value });
};

/** Pads of some axes as pads of all. */
function scatterPads(call: Call, axes: number[], pads: readonly number[]): number[] | undefined {
  const rank = call.typeOf(0)?.shape.length;
  if (rank === undefined) return undefined;
  const all = new Array<number>(2 * rank).fill(0);
  axes.forEach((axis, place) => {
    const at = axis < 0 ? axis + rank : axis;
    all[at] = pads[place] ?? 0;
    all[at + rank] = pads[place + axes.length] ?? 0;
  });
  return all;
}

/** Words in the text of a size that are no symbols. */
const functions = new Set(['floor', 'ceil']);

/** Whether the graph's inputs bind all symbols of a size. */
function isBound(call: Call, dim: Dim): boolean {
  if (typeof dim === 'number' || call.symbols.has(dim)) return true;
  const words = dim.match(/[A-Za-z_][\w.]*/g) ?? [];
  return words.every((word) => functions.has(word) || call.symbols.has(word));
}

/**
 * The target of a reshape in its canonical form: a symbol that the input has at the same place is 0 (copied), a
 * single other one is -1 (inferred); more than that must follow from symbols which the graph's inputs bind.
 */
function reshapeTarget(call: Call, target: readonly Dim[]): Dim[] | string {
  const shape = call.typeOf(0)?.shape;
  const dims = target.map((dim, axis) =>
    typeof dim === 'string' && dim === shape?.[axis] ? 0 : dim,
  );
  const open = dims.filter((dim) => typeof dim === 'string');
  if (open.length === 1 && !dims.includes(-1))
    return dims.map((dim) => (typeof dim === 'string' ? -1 : dim));
  return open.every((dim) => isBound(call, dim)) ? dims : `a target of [${target.join(',')}]`;
}

const reshape: Importer = (call) => {
  const target = call.opset < 5 ? call.attrs.integers('shape') : call.contents(1);
  if (!target) return 'the target shape is computed at run time';
  if (call.attrs.integer('allowzero', 0) !== 0 && target.includes(0))
    return call.result('reshape', first(call), { shape: [...target], allowZero: true });
  const shape = reshapeTarget(call, target);
  if (typeof shape === 'string') return shape;
  call.result('reshape', first(call), { shape });
};

const squeeze: Importer = (call) => {
  const axes = integersAt(call, 'axes', 1, 13);
  if ('refusal' in axes) return axes.refusal;
  const shape = call.typeOf(0)?.shape;
  const all = shape && range(shape.length).filter((axis) => shape[axis] === 1);
  const list = axes.list ?? all;
  if (!list) return 'the shape of the input is unknown';
  call.result('squeeze', first(call), { axes: list });
};

const unsqueeze: Importer = (call) => {
  const axes = integersAt(call, 'axes', 1, 13);
  if ('refusal' in axes) return axes.refusal;
  call.result('unsqueeze', first(call), { axes: axes.list ?? [] });
};

const transpose: Importer = (call) => {
  const rank = call.typeOf(0)?.shape.length;
  const permutation = call.attrs.integers('perm') ?? (rank !== undefined && range(rank).reverse());
  if (!permutation) return 'the rank of the input is unknown';
  call.result('transpose', call.inputs, { permutation });
};

const shape: Importer = (call) => {
  const [from, to] = [call.attrs.integer('start', 0), call.attrs.integer('end', end)];
  if (!call.attrs.has('start') && !call.attrs.has('end'))
    return call.result('shape', call.inputs, {});
  const all = call.step('all', 'shape', call.inputs, {});
  const part = { axes: [0], starts: [from], ends: [to], steps: [1] };
  call.result('slice', [all], part);
};

const size: Importer = (call) => {
  const sizes = call.step('shape', 'shape', call.inputs, {});
  call.result('reduce', [sizes], { kind: 'prod', axes: [0], keepDims: false });
};

/** Split as one slice for each part. */
const split: Importer = (call) => {
  const axis = call.attrs.integer('axis', 0);
  // The first operator set allows an input as well.
  const given =
    call.opset < 13 && call.attrs.has('split')
      ? { list: call.attrs.integers('split') }
      : integersAt(call, 'split', 1, 2);
  if ('refusal' in given) return given.refusal;
  const size = sizeAt(call, axis);
  const parts = call.outputs.length;
  const asked = call.attrs.integer('num_outputs', parts);
  if (asked !== parts) throw new ModelError(`num_outputs is ${asked}, the node has ${parts}`);
  let sizes = given.list;
  if (!sizes) {
    if (size === undefined) return 'the size of the axis is unknown';
    const equal = Math.ceil(size / parts);
    sizes = range(parts).map((part) => Math.max(0, Math.min(equal, size - part * equal)));
  }
  const sum = sizes.reduce((all, part) => all + part, 0);
  if (sizes.length !== parts || (size !== undefined && sum !== size))
    throw new ModelError(`parts of [${sizes.join(',')}] don't split ${size ?? '?'} in ${parts}`);
  let start = 0;
  for (const [place, output] of call.outputs.entries()) {
    const stop = start + (sizes[place] ?? 0);
    const part = { axes: [axis], starts: [start], ends: [stop], steps: [1] };
    if (output !== '') call.result('slice', first(call), part, place);
    start = stop;
  }
};

const expand: Importer = (call) => {
  const target = call.contents(1);
  if (!target) return 'the target shape is computed at run time';
  if (!target.every((dim) => isBound(call, dim))) return `a target of [${target.join(',')}]`;
  call.result('expand', first(call), { shape: [...target] });
};

/** Copies that are joined in one node. */
const maxCopies = 4096;

/** Tile repeats axes of size 1 and joins copies along the others. */
const tile: Importer = (call) => {
  const type = call.typeOf(0);
  const repeats =
    call.opset < 6
      ? undefined
      : call.contents(1)?.every((count) => typeof count === 'number')
        ? (call.contents(1) as number[])
        : undefined;
  if (!type || !repeats) return 'the repeats are computed at run time';
  if (repeats.length !== type.shape.length) return `${repeats.length} repeats`;
  if (Math.max(0, ...repeats) > maxCopies) return `more than ${maxCopies} repeats`;
  const stretched = type.shape.map((size, axis) => (size === 1 ? (repeats[axis] as number) : 1));
  let value = first(call)[0];
  if (stretched.some((count) => count !== 1))
    value = call.step('stretched', 'expand', [value], { shape: stretched });
  repeats.forEach((count, axis) => {
    if (type.shape[axis] === 1 || count === 1) return;
    const none = { axes: [axis], starts: [0], ends: [0], steps: [1] };
    value = count
      ? call.step(`copies${axis}`, 'concat', new Array<string>(count).fill(value), { axis })
      : call.step(`none${axis}`, 'slice', [value], none);
  });
  call.result('identity', [value], {});
};

const depthToSpace: Importer = (call) => {
  const order = call.attrs.text('mode', 'DCR');
  if (order !== 'DCR' && order !== 'CRD') return `mode '${order}'`;
  const block = call.attrs.integer('blocksize', 0);
  call.result('depth-to-space', call.inputs, { block, order });
};

/** Blocks of pixels become channels: the axes are split, permuted and joined. */
const spaceToDepth: Importer = (call) => {
  const block = call.attrs.integer('blocksize', 0);
  const [, channels, height, width] = call.typeOf(0)?.shape ?? [];
  if (channels === undefined || height === undefined || width === undefined)
    return 'the shape of the input is unknown';
  if (block < 1) return `blocks of ${block}`;
  const [rows, columns] = [height, width].map((size) => divideDim(size, block, 'floor')) as [
    Dim,
    Dim,
  ];
  const split = { shape: [0, channels, rows, block, columns, block] };
  const blocks = call.step('blocks', 'reshape', first(call), split);
  const permutation = [0, 3, 5, 1, 2, 4];
  const moved = call.step('moved', 'transpose', [blocks], { permutation });
  const joined = multiplyDims([channels, block * block]);
  call.result('reshape', [moved], { shape: [0, joined, rows, columns] });
};

const constantOfShape: Importer = (call) => {
  const value = call.attrs.tensor('value') ?? float32([1], [0]);
  const element = numbersOf(value)[0];
  if (element === undefined || !Number.isFinite(element)) return `a value of ${element}`;
  call.result('constant-of-shape', call.inputs, { value: element, dtype: value.dtype });
};

/** The value of a Constant node. */
const constant: Importer = (call) => {
  const { attrs } = call;
  let value: Tensor | undefined = attrs.tensor('value');
  if (attrs.has('value_float')) value = float32([], [attrs.float('value_float', 0)]);
  if (attrs.has('value_int')) value = int64([clampInteger(attrs.integer('value_int', 0))], []);
  if (attrs.has('value_floats'))
    value = float32(
      [attrs.floats('value_floats')?.length ?? 0],
      attrs.floats('value_floats') ?? [],
    );
  if (attrs.has('value_ints')) value = int64(attrs.integers('value_ints') ?? []);
  if (!value) return 'a constant without a dense numeric value';
  call.result('identity', [call.define('value', value)], {});
};

export const structure: Readonly<Record<string, Importer>> = {
  Concat: (call) => call.result('concat', call.inputs, { axis: call.attrs.integer('axis', 1) }),
  Flatten: (call) => call.result('flatten', call.inputs, { axis: call.attrs.integer('axis', 1) }),
  Slice: slice,
  Pad: pad,
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Shape: shape,
  Size: size,
  Split: split,
  Expand: expand,
  Tile: tile,
  Range: (call) => call.result('range', call.inputs, {}),
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Constant: constant,
  ConstantOfShape: constantOfShape,
};
