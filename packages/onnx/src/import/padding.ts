/**
 * Windows of convolution and pooling. Padding given as `auto_pad` becomes numbers: for SAME the total is
 * `(⌈size/stride⌉ - 1)·stride + dilation·(kernel - 1) + 1 - size`, split with the odd one after (UPPER) or before
 * (LOWER); with stride 1 the size cancels.
 */
import type { Dim } from '@decouple/ir';
import type { Call } from './call.ts';

/** Per spatial axis. */
export interface Window {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** The same for rows and columns, as ops take it. */
export interface WindowAttrs {
  stride: [number, number];
  dilation: [number, number];
  pads: [number, number, number, number];
}

export const at = (list: readonly number[], axis: number): number => list[axis] as number;

/** The last two axes of a window; a single one is the columns. */
export function pairs({ stride, dilation, before, after }: Window): WindowAttrs {
  const last = (list: readonly number[], absent: number): [number, number] => [
    list.at(-2) ?? absent,
    list.at(-1) ?? absent,
  ];
  return {
    stride: last(stride, 1),
    dilation: last(dilation, 1),
    pads: [...last(before, 0), ...last(after, 0)],
  };
}

interface Extent {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
}

function samePads(
  size: Dim | undefined,
  extent: Extent,
  upper: boolean,
): readonly [number, number] | undefined {
  const span = extent.dilation * (extent.kernel - 1) + 1;
  let total = span - 1;
  if (extent.stride !== 1) {
    if (typeof size !== 'number') return undefined;
    total = Math.max((Math.ceil(size / extent.stride) - 1) * extent.stride + span - size, 0);
  }
  const [small, large] = [Math.floor(total / 2), Math.ceil(total / 2)];
  return upper ? [small, large] : [large, small];
}

interface WindowOptions {
  /** False where SAME means another thing, as in transposed convolution: then it pads nothing. */
  readonly same?: boolean;
}

/** The window of a call with a kernel, or why it has none. */
export function windowOf(
  call: Call,
  kernel: readonly number[],
  { same = true }: WindowOptions = {},
): Window | string {
  const axes = kernel.length;
  const shape = call.typeOf(0)?.shape;
  if (shape && shape.length !== axes + 2)
    return `a kernel of ${axes} dimensions for ${shape.length - 2}`;
  const list = (name: string, absent: number, length = axes): number[] | string => {
    const given = call.attrs.integers(name) ?? new Array<number>(length).fill(absent);
    return given.length === length ? given : `${name} [${given.join(',')}] for ${axes} dimensions`;
  };
  const [stride, dilation, pads] = [
    list('strides', 1),
    list('dilations', 1),
    list('pads', 0, 2 * axes),
  ];
  if (typeof stride === 'string') return stride;
  if (typeof dilation === 'string') return dilation;
  if (typeof pads === 'string') return pads;
  const mode = call.attrs.text('auto_pad', 'NOTSET');
  const none = kernel.map(() => 0);
  if (mode === 'NOTSET' || mode === '')
    return { stride, dilation, before: pads.slice(0, axes), after: pads.slice(axes) };
  if (mode === 'VALID') return { stride, dilation, before: none, after: none };
  if (mode !== 'SAME_UPPER' && mode !== 'SAME_LOWER') return `auto_pad '${mode}'`;
  if (!same) return { stride, dilation, before: none, after: none };
  const sides = kernel.map((taps, axis) =>
    samePads(
      shape?.[axis + 2],
      { kernel: taps, stride: at(stride, axis), dilation: at(dilation, axis) },
      mode === 'SAME_UPPER',
    ),
  );
  if (!sides.every((side) => side !== undefined))
    return `auto_pad ${mode} with a stride needs a known input size`;
  return {
    stride,
    dilation,
    before: sides.map(([before]) => before),
    after: sides.map(([, after]) => after),
  };
}
