/**
 * Convolution and pooling over one, two or three spatial dimensions. The graph has two: one dimension becomes the
 * columns of a map with one row, and three are taken apart by depth (depth.ts). Not handled (stay opaque): other
 * numbers of dimensions, negative padding.
 */
import type { AttrsInput } from '@decouple/ir';
import { convDepth, convTransposeDepth, poolDepth } from './depth.ts';
import type { Call, Importer } from './call.ts';
import { at, pairs, windowOf, type Window, type WindowAttrs } from './padding.ts';

/** Spatial dimensions of the call's kernel, 1 to 3, or why not. */
const spatial = (rank: number): string | undefined =>
  rank >= 1 && rank <= 3 ? undefined : `${rank} spatial dimensions`;

/** The kernel of a convolution, from its weight. */
function kernelOf(call: Call): number[] | string {
  const weight = call.typeOf(1)?.shape;
  if (!weight) return 'the shape of the weight is unknown';
  const kernel = weight.slice(2);
  if (!kernel.every((size) => typeof size === 'number')) return 'the size of the kernel is unknown';
  if (call.inputs.length > 3) return `${call.inputs.length} inputs`;
  const declared = call.attrs.integers('kernel_shape') ?? kernel;
  if (declared.join() !== kernel.join())
    return `kernel_shape [${declared.join(',')}] differs from the weight's [${kernel.join(',')}]`;
  return spatial(kernel.length) ?? kernel;
}

/** Runs a 2-D op over maps of one row. */
function asRow(call: Call, op: (x: string, weight: string) => string, weighted: boolean): void {
  const row = (role: string, value: string): string =>
    call.step(role, 'unsqueeze', [value], { axes: [2] });
  const [x, weight] = call.inputs as [string, string];
  const y = op(row('row', x), weighted ? row('weight', weight) : '');
  call.result('squeeze', [y], { axes: [2] });
}

const conv: Importer = (call) => {
  const kernel = kernelOf(call);
  if (typeof kernel === 'string') return kernel;
  const window = windowOf(call, kernel);
  if (typeof window === 'string') return window;
  const attrs = { ...pairs(window), groups: call.attrs.integer('group', 1) };
  const [x, weight, bias = ''] = call.inputs as [string, string, string?];
  if (kernel.length === 2) return call.result('conv2d', [x, weight, bias], attrs);
  if (kernel.length === 3) return convDepth(call, kernel, window, attrs);
  asRow(call, (row, taps) => call.step('conv', 'conv2d', [row, taps, bias], attrs), true);
};

/**
 * Padding of a transposed convolution: given, or what makes the result of a given size (`output_shape`) or of the
 * input's times the stride (`auto_pad`).
 */
function transposedWindow(
  call: Call,
  kernel: readonly number[],
): { window: Window; outputPadding: number[] } | string {
  const window = windowOf(call, kernel, { same: false });
  if (typeof window === 'string') return window;
  const outputPadding = [...(call.attrs.integers('output_padding') ?? kernel.map(() => 0))];
  const mode = call.attrs.text('auto_pad', 'NOTSET');
  const same = mode === 'SAME_UPPER' || mode === 'SAME_LOWER';
  const wanted = call.attrs.integers('output_shape')?.slice(-kernel.length);
  if (!wanted && !same) return { window, outputPadding };
  const [before, after] = [[...window.before], [...window.after]];
  for (const [axis, taps] of kernel.entries()) {
    const [stride, dilation] = [at(window.stride, axis), at(window.dilation, axis)];
    // Without a wanted size the input's size cancels: total = kernel - stride.
    let total = at(outputPadding, axis) + dilation * (taps - 1) + 1 - stride;
    if (wanted) {
      const size = call.typeOf(0)?.shape[axis + 2];
      if (typeof size !== 'number') return 'output_shape needs a known input size';
      total += stride * size - at(wanted, axis);
    }
    // A result larger than the kernels reach ends in places that hold only the bias.
    outputPadding[axis] = at(outputPadding, axis) + Math.max(0, -total);
    const crop = Math.max(0, total);
    before[axis] = mode === 'SAME_UPPER' ? Math.floor(crop / 2) : Math.ceil(crop / 2);
    after[axis] = crop - at(before, axis);
  }
  return { window: { ...window, before, after }, outputPadding };
}

const convTranspose: Importer = (call) => {
  const kernel = kernelOf(call);
  if (typeof kernel === 'string') return kernel;
  const found = transposedWindow(call, kernel);
  if (typeof found === 'string') return found;
  const { window, outputPadding } = found;
  const added: [number, number] = [outputPadding.at(-2) ?? 0, outputPadding.at(-1) ?? 0];
  const attrs = {
    ...pairs(window),
    outputPadding: added,
    groups: call.attrs.integer('group', 1),
  };
  const [x, weight, bias = ''] = call.inputs as [string, string, string?];
  if (kernel.length === 2) return call.result('conv-transpose2d', [x, weight, bias], attrs);
  if (kernel.length === 3)
    return convTransposeDepth(call, kernel, window, { attrs, added: at(outputPadding, 0) });
  asRow(call, (row, taps) => call.step('conv', 'conv-transpose2d', [row, taps, bias], attrs), true);
};

type PoolOp = 'max-pool' | 'average-pool' | 'max-pool-indices';

interface Pool {
  readonly kernel: number[];
  readonly window: Window;
  readonly ceil: boolean;
}

function poolOf(call: Call): Pool | string {
  const kernel = call.attrs.integers('kernel_shape');
  if (!kernel) return 'kernel_shape is missing';
  const refusal = spatial(kernel.length);
  if (refusal) return refusal;
  const ceil = call.attrs.integer('ceil_mode', 0) !== 0;
  const window = windowOf(call, kernel);
  return typeof window === 'string' ? window : { kernel, window, ceil };
}

/** Pools `x`, whatever its number of spatial dimensions, into output 0 of the call. */
function pool<K extends PoolOp>(
  call: Call,
  op: K,
  { kernel, window, ceil }: Pool,
  more: Omit<AttrsInput<K>, keyof WindowAttrs | 'kernel' | 'ceil'>,
): string | undefined {
  const x = call.inputs[0] as string;
  const attrsOf = (given: Window, taps: readonly number[]): AttrsInput<K> =>
    ({ ...pairs(given), kernel: [taps.at(-2) ?? 1, taps.at(-1)], ceil, ...more }) as AttrsInput<K>;
  if (kernel.length === 2) return void call.result(op, [x], attrsOf(window, kernel));
  if (kernel.length === 1)
    return asRow(
      call,
      (row) => call.step('pool', op, [row], attrsOf(window, kernel)),
      false,
    ) as undefined;
  return poolDepth(call, kernel, { ...window, ceil }, (role, value, given, taps) =>
    call.step(role, op, [value], attrsOf(given, taps)),
  );
}

const maxPool: Importer = (call) => {
  const found = poolOf(call);
  if (typeof found === 'string') return found;
  const columnMajor = call.attrs.integer('storage_order', 0) !== 0;
  if (call.outputs[1]) {
    if (found.kernel.length !== 2) return 'the indices of the maxima are used';
    const { kernel, window, ceil } = found;
    const attrs = { ...pairs(window), kernel: kernel as [number, number], ceil, columnMajor };
    call.result('max-pool-indices', call.inputs, attrs, 1);
  }
  return pool(call, 'max-pool', found, {});
};

const averagePool: Importer = (call) => {
  const found = poolOf(call);
  if (typeof found === 'string') return found;
  const countIncludePad = call.attrs.integer('count_include_pad', 0) !== 0;
  return pool(call, 'average-pool', found, { countIncludePad });
};

export const windows: Readonly<Record<string, Importer>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: maxPool,
  AveragePool: averagePool,
};
