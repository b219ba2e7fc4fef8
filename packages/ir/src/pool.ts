/** What max and average pooling share: windows over x [N,C,H,W]. */
import { float32, floats, ModelError, sizeOf, type Tensor } from '@decouple/tensor';
import type { InputTypes } from './define-op.ts';
import { floatInput, windowsShape } from './shapes.ts';
import type { ValueType } from './types.ts';

export interface PoolAttrs {
  readonly kernel: [number, number];
  readonly stride: [number, number];
  readonly pads: [number, number, number, number];
  readonly dilation: [number, number];
  readonly ceil: boolean;
}

/** @throws ModelError when a window could lie in the padding altogether. */
export function inferPool(inputs: InputTypes, attrs: PoolAttrs): ValueType[] {
  const x = floatInput(inputs[0], 'x', 4);
  const { kernel, pads, dilation } = attrs;
  pads.forEach((pad, side) => {
    const axis = (side % 2) as 0 | 1;
    const reach = dilation[axis] * (kernel[axis] - 1);
    if (pad > reach)
      throw new ModelError(
        `padding [${pads.join(',')}] must be smaller than the window [${kernel.join(',')}]`,
      );
  });
  return [{ dtype: x.dtype, shape: windowsShape(x, undefined, attrs) }];
}

/** One axis under a sliding window, of known sizes. */
export interface WindowAxis {
  readonly size: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
}

/**
 * Of every window the place of its first tap inside the input and the number of those. They are counted, not listed: a
 * window may be much larger than what lies under it.
 */
export function windowTaps(axis: WindowAxis): { readonly first: number; readonly count: number }[] {
  const { size, kernel, stride, dilation, before } = axis;
  return Array.from({ length: axis.out }, (_, place) => {
    const start = place * stride - before;
    const tapsBefore = (end: number): number =>
      Math.min(Math.max(Math.ceil((end - start) / dilation), 0), kernel);
    const skipped = tapsBefore(0);
    return {
      first: start + skipped * dilation,
      count: tapsBefore(size) - skipped,
    };
  });
}

/** The taps of each window along one axis that lie inside the input. */
export function tapsOf(size: number, out: number, attrs: PoolAttrs, axis: 0 | 1): number[][] {
  const dilation = attrs.dilation[axis];
  const [kernel, stride, before] = [attrs.kernel[axis], attrs.stride[axis], attrs.pads[axis]];
  return windowTaps({ size, out, kernel, stride, dilation, before }).map(({ first, count }) =>
    Array.from({ length: count }, (_, tap) => first + tap * dilation),
  );
}

/** Applies `reduce` to the values in each window. */
export function poolWindows(
  x: Tensor,
  attrs: PoolAttrs,
  reduce: (values: readonly number[]) => number,
): Tensor {
  const { dtype, shape } = x;
  const out = (inferPool([{ dtype, shape }], attrs)[0] as ValueType).shape as number[];
  const [, , height, width] = shape as [number, number, number, number];
  const rows = tapsOf(height, out[2] as number, attrs, 0);
  const columns = tapsOf(width, out[3] as number, attrs, 1);
  const input = floats(x, 'x');
  const result = new Float32Array(sizeOf(out));
  let at = 0;
  for (let map = 0; map < (shape[0] as number) * (shape[1] as number); map++)
    for (const row of rows)
      for (const column of columns) {
        const values: number[] = [];
        for (const h of row)
          for (const w of column) values.push(input[(map * height + h) * width + w] as number);
        result[at++] = reduce(values);
      }
  return float32(out, result);
}

type Case<A> = readonly [string, [number, number, number, number], A];

/** Cases for both kinds of pooling. */
export const poolCases: readonly Case<{
  kernel: [number, number];
  stride?: [number, number];
  pads?: [number, number, number, number];
  dilation?: [number, number];
  ceil?: boolean;
}>[] = [
  ['one pixel', [1, 3, 1, 1], { kernel: [1, 1] }],
  ['2x2 stride 2', [1, 16, 8, 8], { kernel: [2, 2], stride: [2, 2] }],
  ['2x2 stride 2, odd size', [2, 5, 7, 9], { kernel: [2, 2], stride: [2, 2] }],
  ['2x2 stride 2, odd size, ceil', [2, 5, 7, 9], { kernel: [2, 2], stride: [2, 2], ceil: true }],
  ['3x3 stride 2, padded', [1, 7, 9, 8], { kernel: [3, 3], stride: [2, 2], pads: [1, 1, 1, 1] }],
  ['3x3 stride 1, padded', [1, 4, 5, 6], { kernel: [3, 3], pads: [1, 1, 1, 1] }],
  ['asymmetric pads', [1, 3, 6, 5], { kernel: [3, 2], stride: [2, 1], pads: [0, 1, 2, 0] }],
  [
    '3x3 stride 2, padded, ceil',
    [1, 3, 6, 8],
    { kernel: [3, 3], stride: [2, 2], pads: [1, 1, 1, 1], ceil: true },
  ],
  [
    'ceil whose last window would start in the padding',
    [1, 2, 5, 5],
    { kernel: [3, 3], stride: [3, 3], pads: [1, 1, 1, 1], ceil: true },
  ],
  ['whole map, batch 3', [3, 5, 4, 3], { kernel: [4, 3] }],
  ['dilated', [1, 3, 9, 8], { kernel: [3, 2], dilation: [2, 3] }],
  [
    'dilated, strided, padded',
    [2, 3, 9, 8],
    { kernel: [3, 3], dilation: [2, 2], stride: [2, 2], pads: [2, 2, 2, 2] },
  ],
];
