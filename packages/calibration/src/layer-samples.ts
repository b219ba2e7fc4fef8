/**
 * Samples of one convolution for data-driven fits, at a few seeded positions per calibration image:
 *
 *   p  patches of the *current* network's input, index D = i·k + h·kw + w (algorithms that fit kernels use this order)
 *   y  responses of the *original* network before bias-free activation, at the same positions
 *   s  the current shortcut, when the response is added to one: the target is then y + s_original - s_current,
 *      so that a residual branch also repairs errors of the shortcut (multi-branch enhancement, He et al. 2017).
 */
import {
  consumersOf,
  elementsOf,
  producerOf,
  soleConsumerOf,
  staticShape,
  typeOf,
  usesOf,
  windowOutput,
  type Graph,
  type Node,
  type NodeOf,
} from '@decouple/ir';
import { createRandom, invariant, ModelError, type Random, type Tensor } from '@decouple/tensor';
import type { Calibration, Derived } from './calibration.ts';

/** Where a convolution's response goes. */
export interface Response {
  /** Value of the convolution's output; it has this name in the original network too. */
  readonly value: string;
  /** The other operand, when the response is only used in a sum of equal shapes. */
  readonly shortcut?: string;
  /** A ReLU is the only thing that sees the response (or the sum). */
  readonly relu: boolean;
}

const isOnlyRectified = (graph: Graph, value: string): boolean => {
  const consumers = consumersOf(graph, value);
  return (
    consumers.length > 0 &&
    !usesOf(graph).outputs.has(value) &&
    consumers.every((node) => node.op === 'relu')
  );
};

/** Follows a convolution's output to the sum and the ReLU behind it. */
export function responseOf(graph: Graph, conv: NodeOf<'conv2d'>): Response {
  const value = conv.outputs[0] as string;
  const next = soleConsumerOf(graph, value);
  if (next?.op !== 'add') return { value, relu: isOnlyRectified(graph, value) };
  const shortcut = next.inputs[0] === value ? next.inputs[1] : next.inputs[0];
  const sum = next.outputs[0] as string;
  const [type, other] = [
    graph.types.get(value),
    shortcut === undefined ? undefined : graph.types.get(shortcut),
  ];
  const sameShape = type && other && type.shape.join() === other.shape.join();
  if (shortcut === undefined || shortcut === value || !sameShape || graph.constants.has(shortcut))
    return { value, relu: false };
  const relu =
    next.attrs.activation === null
      ? isOnlyRectified(graph, sum)
      : next.attrs.activation.kind === 'relu';
  return { value, shortcut, relu };
}

/** Whether `value` is computed from one of `nodes` (by name). */
export function dependsOn(graph: Graph, value: string, nodes: ReadonlySet<string>): boolean {
  const seen = new Set<string>();
  const stack = [value];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const node: Node | undefined = producerOf(graph, next);
    if (!node || seen.has(next)) continue;
    seen.add(next);
    if (nodes.has(node.name)) return true;
    stack.push(...node.inputs);
  }
  return false;
}

export interface SampleOptions {
  /** Positions per image; all when the response has fewer. Default 64. */
  readonly pointsPerImage?: number;
  /** Upper bound of rows; lowers the points per image. */
  readonly maxRows?: number;
  readonly signal?: AbortSignal;
  /** Layers that are still to be replaced: a shortcut that depends on them is not final and is left out. */
  readonly pending?: ReadonlySet<string>;
  /** The network whose responses are the targets where the original has none of that name: factors of a layer. */
  readonly reference?: Graph;
}

/** Rows of patches and targets of one convolution. */
export interface LayerRows {
  readonly rows: number;
  /** Elements of a patch over all channels, `C·kh·kw`. */
  readonly patchSize: number;
  readonly outChannels: number;
  readonly response: Response;
  /** `[rows, outChannels]`, the response that the layer should give (bias included). */
  readonly targets: Float32Array;
  /** `[rows, outChannels]`, the current shortcut, when the response is added to it. */
  readonly shortcuts?: Float32Array;
  /** Shows blocks of patch rows `[count, patchSize]` in order; the buffer is reused. */
  visitPatches(
    visit: (patches: Float32Array, firstRow: number, count: number) => void,
  ): Promise<void>;
}

/** Rows that are shown together, where there are so many: small batches would make many small products of moments. */
const leastRows = 512;

interface Geometry {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly kernel: readonly [number, number];
  readonly outRows: number;
  readonly outColumns: number;
  readonly attrs: NodeOf<'conv2d'>['attrs'];
}

function geometryOf(graph: Graph, conv: NodeOf<'conv2d'>, input: readonly number[]): Geometry {
  const weight = staticShape(typeOf(graph, conv.inputs[1] as string));
  if (!weight) throw new ModelError(`conv2d '${conv.name}': its weight must have a known shape`);
  const [channels, height, width] = input.slice(1) as [number, number, number];
  const [kh, kw] = weight.slice(2) as [number, number];
  const { stride, pads, dilation } = conv.attrs;
  const rows = windowOutput(height, {
    kernel: kh,
    stride: stride[0],
    before: pads[0],
    after: pads[2],
    dilation: dilation[0],
  });
  const columns = windowOutput(width, {
    kernel: kw,
    stride: stride[1],
    before: pads[1],
    after: pads[3],
    dilation: dilation[1],
  });
  return {
    channels,
    height,
    width,
    kernel: [kh, kw],
    outRows: rows as number,
    outColumns: columns as number,
    attrs: conv.attrs,
  };
}

/** Distinct positions of one image: all, or `count` drawn without replacement. */
function positionsOf(random: Random, total: number, count: number): number[] {
  if (count >= total) return Array.from({ length: total }, (_, index) => index);
  const swapped = new Map<number, number>();
  return Array.from({ length: count }, (_, index) => {
    const other = index + random.below(total - index);
    const chosen = swapped.get(other) ?? other;
    swapped.set(other, swapped.get(index) ?? index);
    return chosen;
  });
}

/** Copies the patch of one output position; outside the image is zero. */
function copyPatch(
  x: Float32Array,
  sampleOffset: number,
  position: number,
  g: Geometry,
  out: Float32Array,
  at: number,
): void {
  const { stride, pads, dilation } = g.attrs;
  const top = Math.floor(position / g.outColumns) * stride[0] - pads[0];
  const left = (position % g.outColumns) * stride[1] - pads[1];
  let place = at;
  for (let channel = 0; channel < g.channels; channel++) {
    const plane = sampleOffset + channel * g.height * g.width;
    for (let h = 0; h < g.kernel[0]; h++) {
      const row = top + h * dilation[0];
      const inside = row >= 0 && row < g.height;
      for (let w = 0; w < g.kernel[1]; w++, place++) {
        const column = left + w * dilation[1];
        out[place] =
          inside && column >= 0 && column < g.width
            ? (x[plane + row * g.width + column] as number)
            : 0;
      }
    }
  }
}

/** Adds `[N, C, positions]` of a response map to rows `[row, C]`. */
function addRows(
  map: Tensor,
  sample: number,
  positions: readonly number[],
  out: Float32Array,
  firstRow: number,
): void {
  const [, channels, height, width] = map.shape as [number, number, number, number];
  const data = map.data as Float32Array;
  const area = height * width;
  positions.forEach((position, index) => {
    const row = (firstRow + index) * channels;
    const source = sample * channels * area + position;
    for (let channel = 0; channel < channels; channel++)
      out[row + channel] =
        (out[row + channel] as number) + (data[source + channel * area] as number);
  });
}

/** Tells which shortcut may enter the target: it exists in both networks and depends on nothing still to be replaced. */
function usableShortcut(
  graph: Graph,
  original: Graph,
  response: Response,
  pending: ReadonlySet<string>,
): string | undefined {
  const { shortcut } = response;
  if (shortcut === undefined || !original.types.has(shortcut)) return undefined;
  return dependsOn(graph, shortcut, pending) ? undefined : shortcut;
}

/** Positions of every image and the targets there, from the original network. */
interface Targets extends Derived {
  readonly perSample: number;
  readonly positions: readonly (readonly number[])[];
  readonly outChannels: number;
  readonly targets: Float32Array;
}

async function sampleTargets(
  calibration: Calibration,
  original: Graph,
  origin: string,
  summands: readonly string[],
  { most, signal }: { readonly most: number; readonly signal: AbortSignal | undefined },
): Promise<Targets> {
  const { samples, seed } = calibration;
  const random = createRandom(seed).fork(origin);
  let found: Targets | undefined;
  const begin = ([, outChannels, height, width]: readonly number[]): Targets => {
    const area = (height as number) * (width as number);
    const perSample = Math.min(most, area);
    const targets = new Float32Array(samples * perSample * (outChannels as number));
    return {
      perSample,
      positions: Array.from({ length: samples }, () => positionsOf(random, area, perSample)),
      outChannels: outChannels as number,
      targets,
      bytes: targets.byteLength + 8 * samples * perSample,
    };
  };
  await calibration.observe(
    original,
    summands,
    ({ firstSample, size, values }) => {
      const { perSample, positions, targets } = (found ??= begin(
        (values.get(summands[0] as string) as Tensor).shape,
      ));
      for (let sample = 0; sample < size; sample++) {
        const chosen = positions[firstSample + sample] as readonly number[];
        for (const summand of summands)
          addRows(
            values.get(summand) as Tensor,
            sample,
            chosen,
            targets,
            (firstSample + sample) * perSample,
          );
      }
    },
    signal,
  );
  invariant(found, 'calibration has samples');
  return found;
}

/** The current shortcut at the same positions. */
async function sampleShortcut(
  calibration: Calibration,
  graph: Graph,
  shortcut: string,
  { perSample, positions, targets }: Targets,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const rows = new Float32Array(targets.length);
  await calibration.observe(
    graph,
    [shortcut],
    ({ firstSample, size, values }) => {
      for (let sample = 0; sample < size; sample++) {
        const chosen = positions[firstSample + sample] as readonly number[];
        addRows(
          values.get(shortcut) as Tensor,
          sample,
          chosen,
          rows,
          (firstSample + sample) * perSample,
        );
      }
    },
    signal,
  );
  return rows;
}

/**
 * Samples a convolution of `graph` against the original network.
 * @throws ModelError when neither the original network nor the reference has a value of the response's name.
 */
export async function sampleLayer(
  calibration: Calibration,
  graph: Graph,
  conv: NodeOf<'conv2d'>,
  options: SampleOptions = {},
): Promise<LayerRows> {
  const { samples } = calibration;
  const response = responseOf(graph, conv);
  const hasTarget = (network: Graph): boolean => network.types.has(response.value);
  const original = [calibration.original, options.reference ?? graph].find(hasTarget);
  if (!original)
    throw new ModelError(
      `conv2d '${conv.name}': the original network has no value '${response.value}' to fit, nor has the reference`,
    );
  const shortcut = usableShortcut(graph, original, response, options.pending ?? new Set());
  const summands = [response.value, ...(shortcut === undefined ? [] : [shortcut])];
  const { pointsPerImage = 64, maxRows = Infinity, signal } = options;
  const most = Math.min(pointsPerImage, Math.max(1, Math.floor(maxRows / samples)));
  const { origin } = conv;
  // Planning, fits and later passes aim at the same responses, and most of the work is to compute those.
  const sampled = await calibration.derive(
    original,
    summands,
    `${most} samples for ${origin}`,
    () => sampleTargets(calibration, original, origin, summands, { most, signal }),
  );
  const { perSample, positions, outChannels } = sampled;
  let { targets } = sampled;
  let shortcuts: Float32Array | undefined;
  if (shortcut !== undefined) {
    const current = await sampleShortcut(calibration, graph, shortcut, sampled, signal);
    targets = targets.map((target, index) => target - (current[index] as number));
    shortcuts = current;
  }
  const input = conv.inputs[0] as string;
  const patchSize =
    (elementsOf(typeOf(graph, conv.inputs[1] as string)) / outChannels) * conv.attrs.groups;
  let block = new Float32Array(0);
  const visitPatches: LayerRows['visitPatches'] = async (visit) => {
    let [firstRow, count] = [0, 0];
    const show = (): void => {
      if (count > 0) visit(block.subarray(0, count * patchSize), firstRow, count);
      firstRow += count;
      count = 0;
    };
    await calibration.observe(
      graph,
      [input],
      ({ firstSample, size, values }) => {
        const x = values.get(input) as Tensor<'float32'>;
        const geometry = geometryOf(graph, conv, x.shape);
        const room = (leastRows + size * perSample) * patchSize;
        if (block.length < room) {
          show();
          block = new Float32Array(room);
        }
        const volume = geometry.channels * geometry.height * geometry.width;
        for (let sample = 0; sample < size; sample++)
          for (const position of positions[firstSample + sample] as readonly number[])
            copyPatch(x.data, sample * volume, position, geometry, block, count++ * patchSize);
        if (count >= leastRows) show();
      },
      signal,
    );
    show();
  };
  return {
    rows: samples * perSample,
    patchSize,
    outChannels,
    response,
    targets,
    ...(shortcuts ? { shortcuts } : {}),
    visitPatches,
  };
}
