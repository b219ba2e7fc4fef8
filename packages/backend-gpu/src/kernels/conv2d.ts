/**
 * Convolutions and matrix products with constant weights:
 *
 *   y[o] = act( b[o] + Σ_tap Σ_i W[o,i,tap] · x[pixel(tap), g·I + i] + r[o] )
 *
 * A thread makes all lanes of one pixel; where kernels fetch texels by GLSL of our own, those of up to four pixels of a
 * row. Fetches are what kernels take longest for: together, pixels fetch weights once, and inputs that filters share. Each
 * pixel goes to a texture of its own, as GLSL wants it; a second kernel deals these to one map.
 */
import type { NodeOf } from '@decouple/ir';
import { floats, InvariantError, type Tensor } from '@decouple/tensor';
import {
  activate,
  hosted,
  type Delegation,
  type KernelContext,
  type KernelPlan,
} from '../kernel.ts';
import type { Storage } from '../storage.ts';
import { literal, range, sum, type Launch, type Writer } from '../writer.ts';
import { elements, walkOf, type Lanes, type Layer, type View, type Walk } from './conv-walks.ts';
import { alongTaps, forTaps } from './pool.ts';

/** Pixels of a row that one thread makes at most: as many textures as every WebGL 2 draws to at once. */
const mostPixels = 4;
/** Filters wider than this are walked in loops, by one pixel at a time. */
const widestUnrolled = 7;

/** Pixels of a row that one thread makes: together they fetch weights once, and inputs that filters share. */
function pixelsPerThread(layer: Layer, walk: Walk, output: Storage, w: Writer): number {
  const columns = output.shape[3];
  const [, width] = layer.window.kernel;
  if (columns === undefined || walk === elements || width > widestUnrolled) return 1;
  if (!w.fetchesNatively(layer.input)) return 1;
  return Math.ceil(columns / Math.ceil(columns / mostPixels));
}

/** Walks over all taps, for the thread's one pixel. */
function walkPixel(w: Writer, { input, window }: Layer, walk: (view: View) => void): void {
  const image = w.position[0] as string;
  if (w.storageOf(input).shape.length === 2) {
    walk({
      taps: ['0'],
      texels: (block) => [[w.lanesOf(w.texelAt(input, [image, block], block))]],
      element: (channel) => w.element(input, [image, channel]),
    });
    return;
  }
  forTaps(w, input, window, ([row, column], [tapRow, tapColumn]) =>
    walk({
      taps: [w.let(sum([tapRow, window.kernel[1]], [tapColumn, 1]))],
      texels: (block) => [[w.lanesOf(w.texelAt(input, [image, block, row, column], block))]],
      element: (channel) => w.element(input, [image, channel, row, column]),
    }),
  );
}

/** Walks over all taps, those of a row at once, for neighbouring pixels. */
function walkPixels(
  w: Writer,
  { input, window }: Layer,
  pixels: number,
  walk: (view: View) => void,
): void {
  const [image, , , own] = w.position as [string, string, string, string];
  const columns = w.storageOf(input).shape[3] as number;
  const [width, stride] = [window.kernel[1], window.stride[1]];
  const last = ((w.storage.shape[3] as number) - 1) * pixels * stride;
  const texel = (block: string, row: string, offset: number): Lanes | undefined => {
    if (offset + last < 0 || offset >= columns) return undefined;
    const column = w.let(sum([own, pixels * stride], [literal(offset), 1]));
    const indices = [image, block, row, column];
    const inside = offset >= 0 && offset + last < columns;
    return w.lanesOf(
      inside
        ? w.texelAt(input, indices, block)
        : w.texelWithin(input, indices, block, [column, columns]),
    );
  };
  alongTaps(w, input, window, 0, (row, tapRow) =>
    walk({
      taps: range(width).map((tap) => w.let(sum([tapRow, width], [`${tap}`, 1]))),
      texels: (block) => {
        const fetched = new Map<number, Lanes | undefined>();
        return range(width).map((tap) =>
          range(pixels).map((pixel) => {
            const offset =
              pixel * stride + tap * (window.dilation?.[1] ?? 1) - (window.pads[1] as number);
            if (!fetched.has(offset)) fetched.set(offset, texel(block, row, offset));
            return fetched.get(offset);
          }),
        );
      },
      element: () => {
        throw new InvariantError('elements are walked pixel by pixel');
      },
    }),
  );
}

/** The kernel that deals the pixels of several values to one: pixel p of a row comes from value p mod their number. */
function interleaved(context: KernelContext, values: readonly string[], output: string): Launch {
  const w = context.writer(output);
  const column = w.position[3] as string;
  const place = w.quotient(column, values.length);
  const which = w.let(sum([column, 1], [place, -values.length]));
  const results = range(w.target.lanes).map(() => w.variable('0.0'));
  values.forEach((value, index) =>
    w.within(`if (${which} === ${index})`, () =>
      w
        .read(value, w.own().with(3, place))
        .forEach((lane, at) => w.line(`${results[at]} = ${lane};`)),
    ),
  );
  return w.launch(results);
}

function planLayer(
  op: string,
  layer: Layer,
  output: string,
  context: KernelContext,
): KernelPlan | Delegation {
  const { input, residual } = layer;
  const storage = context.storage(output);
  if (!storage || [input, ...(residual ? [residual] : [])].some((value) => !context.storage(value)))
    return hosted;
  const [name, walk] = walkOf(layer, context.target.lanes);
  const pixels = pixelsPerThread(layer, walk, storage, context.writer(output));
  const made =
    pixels === 1
      ? [output]
      : range(pixels).map(() =>
          context.temporary(
            storage.shape.with(3, Math.ceil((storage.shape[3] as number) / pixels)),
          ),
        );
  if (made.some((value) => value === undefined)) return hosted;
  const [first, ...others] = made as [string, ...string[]];
  const w = context.writer(first);
  const bias = layer.bias && w.read(context.define(layer.bias), [{ offset: 0 }]);
  const totals = made.map(() =>
    range(w.target.lanes).map((lane) => w.variable(bias?.[lane] ?? '0.0')),
  );
  const step = walk(w, layer, totals);
  if (pixels === 1) walkPixel(w, layer, step);
  else walkPixels(w, layer, pixels, step);
  const finished = totals.map((total, pixel) => {
    const column = (): string => sum([w.position[3] as string, pixels], [`${pixel}`, 1]);
    const added =
      residual && w.read(residual, pixels === 1 ? w.own() : w.own().with(3, w.let(column())));
    return total.map((lane, at) =>
      w.let(activate(layer.activation, added ? w.let(`${lane} + ${added[at]}`) : lane)),
    );
  });
  const launch = w.launch(
    finished[0] as Lanes,
    others.map((value, index) => [value, finished[index + 1] as Lanes]),
  );
  const launches =
    pixels === 1 ? [launch] : [launch, interleaved(context, made as string[], output)];
  return { kernel: `${op} ${name}`, launches };
}

/** Weights and bias that are known, or why there is no kernel. */
function parameters(
  node: NodeOf<'conv2d'> | NodeOf<'linear'>,
  context: KernelContext,
): { readonly weight: Tensor; readonly bias: Tensor<'float32'> | undefined } | Delegation {
  const [, weightName = '', biasName = ''] = node.inputs;
  const [weight, bias] = [context.constant(weightName), context.constant(biasName)];
  if (!weight || (biasName && !bias)) return { delegate: 'weights are computed' };
  return { weight, bias: bias as Tensor<'float32'> | undefined };
}

export function conv2d(node: NodeOf<'conv2d'>, context: KernelContext): KernelPlan | Delegation {
  const known = parameters(node, context);
  if ('delegate' in known) return known;
  const { weight, bias } = known;
  const [outputs, inputs, rows, columns] = weight.shape as [number, number, number, number];
  const { stride, pads, dilation, groups, activation } = node.attrs;
  const layer: Layer = {
    input: node.inputs[0] as string,
    weight: floats(weight),
    bias,
    residual: node.inputs[3] ?? '',
    groups,
    inputs,
    outputs,
    window: { kernel: [rows, columns], stride, pads, dilation },
    activation,
  };
  return planLayer('conv2d', layer, node.outputs[0] as string, context);
}

export function linear(node: NodeOf<'linear'>, context: KernelContext): KernelPlan | Delegation {
  const known = parameters(node, context);
  if ('delegate' in known) return known;
  const { weight, bias } = known;
  const [outputs, inputs] = weight.shape as [number, number];
  const layer: Layer = {
    input: node.inputs[0] as string,
    weight: floats(weight),
    bias,
    residual: node.inputs[3] ?? '',
    groups: 1,
    inputs,
    outputs,
    window: { kernel: [1, 1], stride: [1, 1], pads: [0, 0, 0, 0] },
    activation: node.attrs.activation,
  };
  return planLayer('linear', layer, node.outputs[0] as string, context);
}
