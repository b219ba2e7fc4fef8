/**
 * Convolution, pooling and normalisation. Padding given as `auto_pad` becomes numbers: for SAME the total is
 * `(⌈size/stride⌉ - 1)·stride + dilation·(kernel - 1) + 1 - size`, split with the odd one after (UPPER) or before
 * (LOWER); with stride 1 the size cancels. Not handled (stay opaque): other than two spatial dimensions, negative
 * padding, training forms, indices of max-pool.
 */
import type { Dim } from '@decouple/ir';
import type { Call, Importer } from './call.ts';

type Pair = [number, number];
type Sides = [number, number, number, number];

function pairOf(call: Call, name: string): Pair | undefined {
  const list = call.attrs.integers(name);
  return list === undefined ? [1, 1] : list.length === 2 ? (list as Pair) : undefined;
}

interface Extent {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
}

function samePads(size: Dim | undefined, extent: Extent, upper: boolean): Pair | undefined {
  const span = extent.dilation * (extent.kernel - 1) + 1;
  let total = span - 1;
  if (extent.stride !== 1) {
    if (typeof size !== 'number') return undefined;
    total = Math.max((Math.ceil(size / extent.stride) - 1) * extent.stride + span - size, 0);
  }
  const [small, large] = [Math.floor(total / 2), Math.ceil(total / 2)];
  return upper ? [small, large] : [large, small];
}

function padsOf(call: Call, kernel: Pair, stride: Pair, dilation: Pair): Sides | string {
  const mode = call.attrs.text('auto_pad', 'NOTSET');
  const given = call.attrs.integers('pads');
  if (mode === 'VALID') return [0, 0, 0, 0];
  if (mode === 'NOTSET') {
    if (given === undefined) return [0, 0, 0, 0];
    if (given.length !== 4) return `pads [${given.join(',')}] are not two-dimensional`;
    return given as Sides;
  }
  if (mode !== 'SAME_UPPER' && mode !== 'SAME_LOWER') return `auto_pad '${mode}'`;
  const shape = call.typeOf(0)?.shape;
  const [rows, columns] = [0, 1].map((axis) =>
    samePads(
      shape?.[axis + 2],
      {
        kernel: kernel[axis] as number,
        stride: stride[axis] as number,
        dilation: dilation[axis] as number,
      },
      mode === 'SAME_UPPER',
    ),
  );
  if (!rows || !columns) return `auto_pad ${mode} with a stride needs a known input size`;
  return [rows[0], columns[0], rows[1], columns[1]];
}

interface WindowOf {
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly pads: Sides;
}

function windowOf(call: Call, kernel: Pair): WindowOf | string {
  const rank = call.typeOf(0)?.shape.length ?? 4;
  const [stride, dilation] = [pairOf(call, 'strides'), pairOf(call, 'dilations')];
  if (rank !== 4 || !stride || !dilation) return `${rank - 2} spatial dimensions`;
  const pads = padsOf(call, kernel, stride, dilation);
  return typeof pads === 'string' ? pads : { stride, dilation, pads };
}

const conv: Importer = (call) => {
  const weight = call.typeOf(1)?.shape;
  if (!weight) return 'the shape of the weight is unknown';
  if (weight.length !== 4) return `${weight.length - 2} spatial dimensions`;
  if (call.inputs.length > 3) return `${call.inputs.length} inputs`;
  const kernel = weight.slice(2) as Pair;
  const declared = call.attrs.integers('kernel_shape') ?? kernel;
  if (declared.join() !== kernel.join())
    return `kernel_shape [${declared.join(',')}] differs from the weight's [${kernel.join(',')}]`;
  const window = windowOf(call, kernel);
  if (typeof window === 'string') return window;
  const groups = call.attrs.integer('group', 1);
  call.result('conv2d', call.inputs, { ...window, groups });
};

const maxPool: Importer = (call) => {
  const kernel = pairOf(call, 'kernel_shape');
  if (!kernel) return 'other than two spatial dimensions';
  if (call.outputs[1]) return 'the indices of the maxima are used';
  const window = windowOf(call, kernel);
  if (typeof window === 'string') return window;
  call.attrs.ignore('storage_order');
  call.result('max-pool', call.inputs, {
    kernel,
    ...window,
    ceil: call.attrs.integer('ceil_mode', 0) !== 0,
  });
};

const averagePool: Importer = (call) => {
  const kernel = pairOf(call, 'kernel_shape');
  if (!kernel) return 'other than two spatial dimensions';
  const window = windowOf(call, kernel);
  if (typeof window === 'string') return window;
  const { dilation, stride, pads } = window;
  if (dilation.some((step) => step !== 1)) return `dilations [${dilation.join(',')}]`;
  call.result('average-pool', call.inputs, {
    kernel,
    stride,
    pads,
    ceil: call.attrs.integer('ceil_mode', 0) !== 0,
    countIncludePad: call.attrs.integer('count_include_pad', 0) !== 0,
  });
};

const globalAveragePool: Importer = (call) => {
  const rank = call.typeOf(0)?.shape.length;
  if (rank !== undefined && rank !== 4) return `${rank - 2} spatial dimensions`;
  call.result('global-average-pool', call.inputs, {});
};

const batchNormalization: Importer = (call) => {
  call.attrs.ignore('momentum');
  if (call.attrs.integer('training_mode', 0) !== 0) return 'training mode';
  if (call.opset < 7 && call.attrs.integer('is_test', 0) === 0) return 'training mode';
  if (call.attrs.integer('spatial', 1) !== 1) return 'statistics per position (spatial = 0)';
  if (call.outputs.slice(1).some(Boolean)) return 'training outputs are used';
  call.result('batch-normalization', call.inputs, { epsilon: call.attrs.float('epsilon', 1e-5) });
};

export const windows: Readonly<Record<string, Importer>> = {
  Conv: conv,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalAveragePool,
  BatchNormalization: batchNormalization,
};
