/** Windows over maps: largest element, mean, mean of the whole map. */
import type { OneOf } from '@decouple/backend';
import type { NodeOf } from '@decouple/ir';
import { hosted, type Delegation, type KernelContext, type KernelPlan } from '../kernel.ts';
import { literal, range, sum, type Writer } from '../writer.ts';

/** What a window or a filter does along rows and columns. */
export interface WindowAttrs {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly pads: readonly number[];
  readonly dilation?: readonly [number, number];
}

/**
 * Writes a loop over the taps of a window along rows (axis 0) or columns (axis 1) of the thread's pixel that lie inside
 * the input.
 * @param body is given the row or column, and the tap.
 */
export function alongTaps(
  w: Writer,
  input: string,
  attrs: WindowAttrs,
  axis: 0 | 1,
  body: (place: string, tap: string) => void,
): void {
  const [kernel, stride] = [attrs.kernel[axis], attrs.stride[axis]];
  const dilation = attrs.dilation?.[axis] ?? 1;
  const before = attrs.pads[axis] as number;
  const size = w.storageOf(input).shape[2 + axis] as number;
  const outs = w.storage.shape[2 + axis] as number;
  const [first, last] = [-before, (outs - 1) * stride - before + (kernel - 1) * dilation];
  const own = w.position[2 + axis] as string;
  w.loop(kernel, (tap) => {
    const place = w.let(sum([own, stride], [tap, dilation], [literal(-before), 1]));
    const tests = [
      ...(first < 0 ? [`${place} >= 0`] : []),
      ...(last >= size ? [`${place} < ${size}`] : []),
    ];
    if (tests.length) w.within(`if (${tests.join(' && ')})`, () => body(place, tap));
    else body(place, tap);
  });
}

/** Both loops: over the taps at the thread's pixel, [N,C,H,W]. @param body is given the pixel, row and column, and the tap. */
export const forTaps = (
  w: Writer,
  input: string,
  attrs: WindowAttrs,
  body: (pixel: readonly [row: string, column: string], tap: readonly [string, string]) => void,
): void =>
  alongTaps(w, input, attrs, 0, (row, tapRow) =>
    alongTaps(w, input, attrs, 1, (column, tapColumn) => body([row, column], [tapRow, tapColumn])),
  );

/** The texel of a map at another pixel, in the thread's image and channels. */
export const atPixel = (
  w: Writer,
  input: string,
  [row, column]: readonly [string, string],
): string[] => w.read(input, [w.position[0] as string, { offset: 0 }, row, column]);

function mapsOf(
  node: OneOf<'max-pool' | 'average-pool' | 'global-average-pool'>,
  context: KernelContext,
): readonly [string, Writer] | undefined {
  const [input, output] = [node.inputs[0] as string, node.outputs[0] as string];
  if (!context.storage(input) || !context.storage(output)) return undefined;
  return [input, context.writer(output)];
}

export function maxPool(node: NodeOf<'max-pool'>, context: KernelContext): KernelPlan | Delegation {
  const maps = mapsOf(node, context);
  if (!maps) return hosted;
  const [input, w] = maps;
  const best = range(w.target.lanes).map(() => w.variable('(-3.4e38)'));
  forTaps(w, input, node.attrs, (pixel) =>
    atPixel(w, input, pixel).forEach((x, lane) =>
      w.line(`${best[lane]} = Math.max(${best[lane]}, ${x});`),
    ),
  );
  return { kernel: 'max-pool', launches: [w.launch(best)] };
}

export function averagePool(
  node: NodeOf<'average-pool'>,
  context: KernelContext,
): KernelPlan | Delegation {
  const maps = mapsOf(node, context);
  if (!maps) return hosted;
  const [input, w] = maps;
  const { kernel, countIncludePad } = node.attrs;
  const sums = range(w.target.lanes).map(() => w.variable('0.0'));
  const count = w.variable('0.0');
  forTaps(w, input, node.attrs, (pixel) => {
    atPixel(w, input, pixel).forEach((x, lane) => w.line(`${sums[lane]} += ${x};`));
    w.line(`${count} += 1;`);
  });
  const divisor = countIncludePad ? `${kernel[0] * kernel[1]}` : count;
  const lanes = sums.map((total) => `${total} / ${divisor}`);
  return { kernel: 'average-pool', launches: [w.launch(lanes)] };
}

export function globalAveragePool(
  node: NodeOf<'global-average-pool'>,
  context: KernelContext,
): KernelPlan | Delegation {
  const maps = mapsOf(node, context);
  if (!maps) return hosted;
  const [input, w] = maps;
  const [, , rows, columns] = w.storageOf(input).shape as [number, number, number, number];
  const sums = range(w.target.lanes).map(() => w.variable('0.0'));
  w.loop(rows, (row) =>
    w.loop(columns, (column) =>
      atPixel(w, input, [row, column]).forEach((x, lane) => w.line(`${sums[lane]} += ${x};`)),
    ),
  );
  const lanes = sums.map((total) => `${total} / ${rows * columns}`);
  return { kernel: 'global-average-pool', launches: [w.launch(lanes)] };
}
