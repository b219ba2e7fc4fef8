/**
 * Three spatial dimensions by two. A convolution is the sum over the kernel's depth of 2-D convolutions, each of the
 * slices that its tap meets, with depth folded into the batch; a transposed one spreads the slices out instead. A
 * window's largest value or mean is that of its slices, over depth.
 */
import { multiplyDims, windowOutput, type Dim } from '@decouple/ir';
import type { Call } from './call.ts';
import { at, type Window, type WindowAttrs } from './padding.ts';

/** Beyond any size: the end of an axis. */
const end = 2 ** 31 - 1;

type Shape5 = [Dim, Dim, Dim, Dim, Dim];

/** The shape [N,C,D,H,W] of the call's input, or why it is not known. */
function shapeOf(call: Call): Shape5 | undefined {
  const shape = call.typeOf(0)?.shape;
  return shape?.length === 5 ? (shape as Shape5) : undefined;
}
const unknown = 'the shape of the input is unknown';

/** x [N,C,D,H,W] with depth next to the batch, [N,D,C,H,W]; and back. */
const swapped = { permutation: [0, 2, 1, 3, 4] };

/** The kernel's slice for one tap of depth: [O,C,kh,kw]. */
function tapOf(call: Call, tap: number): string {
  const cut = { axes: [2], starts: [tap], ends: [tap + 1], steps: [1] };
  const slice = call.step(`tap${tap}/slice`, 'slice', [call.inputs[1] as string], cut);
  return call.step(`tap${tap}/weight`, 'squeeze', [slice], { axes: [2] });
}

const onDepth = (before: number, after: number): number[] => [
  ...[0, before, 0, 0, 0],
  ...[0, after, 0, 0, 0],
];

const outputSize = (size: Dim, kernel: number, window: Window, axis: number, ceil = false): Dim =>
  windowOutput(size, {
    kernel,
    stride: at(window.stride, axis),
    before: at(window.before, axis),
    after: at(window.after, axis),
    dilation: at(window.dilation, axis),
    ceil,
  });

function sumOf(call: Call, parts: readonly string[]): string {
  const [first, ...rest] = parts as [string, ...string[]];
  return rest.reduce((sum, part, place) => call.step(`sum${place}`, 'add', [sum, part], {}), first);
}

export function convDepth(
  call: Call,
  kernel: readonly number[],
  window: Window,
  attrs: WindowAttrs & { groups: number },
): string | undefined {
  const shape = shapeOf(call);
  const outputs = call.typeOf(1)?.shape[0];
  if (!shape || outputs === undefined) return unknown;
  const [x, , bias = ''] = call.inputs as [string, string, string?];
  const [taps, dilation] = [at(kernel, 0), at(window.dilation, 0)];
  const sizes = shape
    .slice(2)
    .map((size, axis) => outputSize(size, at(kernel, axis), window, axis));
  const layers = call.step('layers', 'transpose', [x], swapped);
  const pads = onDepth(at(window.before, 0), at(window.after, 0));
  const padded = pads.some(Boolean) ? call.step('padded', 'pad', [layers], { pads }) : layers;
  const parts = Array.from({ length: taps }, (_, tap) => {
    const rest = (taps - 1 - tap) * dilation;
    const met = call.step(`tap${tap}/met`, 'slice', [padded], {
      axes: [1],
      starts: [tap * dilation],
      ends: [rest ? -rest : end],
      steps: [at(window.stride, 0)],
    });
    const folded = { shape: [-1, shape[1], shape[3], shape[4]] };
    const maps = call.step(`tap${tap}/maps`, 'reshape', [met], folded);
    const inputs = [maps, tapOf(call, tap), tap ? '' : bias];
    return call.step(`tap${tap}`, 'conv2d', inputs, attrs);
  });
  const unfolded = { shape: [-1, sizes[0] as Dim, outputs, ...sizes.slice(1)] };
  const y = call.step('unfolded', 'reshape', [sumOf(call, parts)], unfolded);
  call.result('transpose', [y], swapped);
  return undefined;
}

export function convTransposeDepth(
  call: Call,
  kernel: readonly number[],
  window: Window,
  {
    attrs,
    added,
  }: {
    readonly attrs: WindowAttrs & { groups: number; outputPadding: [number, number] };
    /** Output padding along depth. */
    readonly added: number;
  },
): string | undefined {
  const shape = shapeOf(call);
  const perGroup = call.typeOf(1)?.shape[1];
  if (!shape?.slice(1).every((size) => typeof size === 'number') || typeof perGroup !== 'number')
    return unknown;
  const [channels, depth, height, width] = shape.slice(1) as [number, number, number, number];
  const [x, , bias] = call.inputs as [string, string, string?];
  const [taps, stride, dilation] = [at(kernel, 0), at(window.stride, 0), at(window.dilation, 0)];
  const sizes = [height, width].map(
    (size, axis) =>
      (size - 1) * at(attrs.stride, axis) +
      at(attrs.dilation, axis) * (at(kernel, axis + 1) - 1) +
      1 +
      at(attrs.outputPadding, axis) -
      at(attrs.pads, axis) -
      at(attrs.pads, axis + 2),
  );
  const outputs = perGroup * attrs.groups;
  const layers = call.step('layers', 'transpose', [x], swapped);
  const folded = { shape: [-1, channels, height, width] };
  const maps = call.step('maps', 'reshape', [layers], folded);
  const parts = Array.from({ length: taps }, (_, tap) => {
    const role = `tap${tap}`;
    const part = call.step(role, 'conv-transpose2d', [maps, tapOf(call, tap)], attrs);
    // Layers stand `stride` apart: zeros between them, then around them.
    const apart = call.step(`${role}/layers`, 'reshape', [part], {
      shape: [-1, 1, outputs, ...sizes],
    });
    const between = call.step(`${role}/between`, 'pad', [apart], { pads: onDepth(0, stride - 1) });
    const unfolded = { shape: [-1, depth * stride, outputs, ...sizes] };
    const spread = call.step(`${role}/spread`, 'reshape', [between], unfolded);
    const lead = tap * dilation - at(window.before, 0);
    const rest = (taps - 1 - tap) * dilation + 1 - stride + added - at(window.after, 0);
    return call.step(`${role}/placed`, 'pad', [spread], { pads: onDepth(lead, rest) });
  });
  const y = sumOf(call, parts);
  if (!bias) {
    call.result('transpose', [y], swapped);
    return undefined;
  }
  const back = call.step('back', 'transpose', [y], swapped);
  const offsets = call.step('bias', 'unsqueeze', [bias], { axes: [1, 2, 3] });
  call.result('add', [back, offsets], {});
  return undefined;
}

export function poolDepth(
  call: Call,
  kernel: readonly number[],
  window: Window & { readonly ceil: boolean },
  pool: (role: string, value: string, window: Window, kernel: readonly number[]) => string,
): string | undefined {
  const shape = shapeOf(call);
  if (!shape) return unknown;
  const [, channels, depth, height, width] = shape;
  const sizes = shape
    .slice(2)
    .map((size, axis) => outputSize(size, at(kernel, axis), window, axis, window.ceil));
  const part = (from: number, to: number): Window => ({
    stride: window.stride.slice(from, to),
    dilation: window.dilation.slice(from, to),
    before: window.before.slice(from, to),
    after: window.after.slice(from, to),
  });
  const maps = call.step('maps', 'reshape', [call.inputs[0] as string], {
    shape: [0, multiplyDims([channels, depth]), height, width],
  });
  const flat = pool('within', maps, part(1, 3), kernel.slice(1));
  const columns = call.step('columns', 'reshape', [flat], {
    shape: [0, channels, depth, multiplyDims(sizes.slice(1))],
  });
  const rows = {
    stride: [at(window.stride, 0), 1],
    dilation: [at(window.dilation, 0), 1],
    before: [at(window.before, 0), 0],
    after: [at(window.after, 0), 0],
  };
  const y = pool('across', columns, rows, [at(kernel, 0), 1]);
  call.result('reshape', [y], { shape: [0, channels, ...sizes] });
  return undefined;
}
