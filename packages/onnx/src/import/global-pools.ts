/** Pooling of whole maps, and pooling by powers: the root of the sum of powers, made of means. */
import { float32 } from '@decouple/tensor';
import type { Call, Importer } from './call.ts';
import { at, pairs, windowOf } from './padding.ts';

const spatialAxes = (rank: number): number[] =>
  Array.from({ length: rank - 2 }, (_, axis) => axis + 2);

/** Elements per map, or `undefined` when that is not known. */
function mapSize(call: Call): number | undefined {
  const shape = call.typeOf(0)?.shape.slice(2);
  const known = shape?.every((size) => typeof size === 'number');
  return known ? shape?.reduce<number>((product, size) => product * Number(size), 1) : undefined;
}

const globalAveragePool: Importer = (call) => {
  const rank = call.typeOf(0)?.shape.length ?? 4;
  if (rank === 4) return call.result('global-average-pool', call.inputs, {});
  call.result('reduce', call.inputs, { kind: 'mean', axes: spatialAxes(rank), keepDims: true });
};

const globalMaxPool: Importer = (call) => {
  const shape = call.typeOf(0)?.shape;
  const size = mapSize(call);
  if (!shape || size === undefined) return 'the size of the maps is unknown';
  const [rows, columns] = shape.length === 4 ? (shape.slice(2) as [number, number]) : [1, size];
  if (shape.length === 4) return call.result('max-pool', call.inputs, { kernel: [rows, columns] });
  const row = call.step('row', 'reshape', call.inputs, { shape: [0, 0, 1, size] });
  const largest = call.step('largest', 'max-pool', [row], { kernel: [1, size] });
  call.result('reshape', [largest], { shape: [0, 0, ...spatialAxes(shape.length).map(() => 1)] });
};

/** |x|^p. */
function powered(call: Call, x: string, p: number): string {
  if (p === 2) return call.step('squares', 'mul', [x, x], {});
  const absolute = call.step('absolute', 'abs', [x], {});
  return Array.from({ length: p - 1 }).reduce<string>(
    (power, _, count) => call.step(`power${count + 2}`, 'mul', [power, absolute], {}),
    absolute,
  );
}

/** The call's result: (mean · count)^(1/p). */
function rooted(call: Call, mean: string, count: number, p: number): void {
  const factor = call.define('count', float32([], [count]));
  if (p === 1) return call.result('mul', [mean, factor], {});
  const sum = call.step('sum', 'mul', [mean, factor], {});
  if (p === 2) return call.result('sqrt', [sum], {});
  const exponent = call.define('exponent', float32([], [1 / p]));
  const log = call.step('log', 'log', [sum], {});
  call.result('exp', [call.step('quotient', 'mul', [log, exponent], {})], {});
}

/** The power of pooling; a fraction in the first operator set. */
const powerOf = (call: Call): number =>
  call.opset < 2 ? call.attrs.float('p', 2) : call.attrs.integer('p', 2);
const refusedPower = (p: number): string | undefined =>
  Number.isInteger(p) && p >= 1 && p <= 16 ? undefined : `p = ${p}`;

const lpPool: Importer = (call) => {
  const kernel = call.attrs.integers('kernel_shape') ?? [];
  const p = powerOf(call);
  if (kernel.length !== 1 && kernel.length !== 2) return `${kernel.length} spatial dimensions`;
  const window = windowOf(call, kernel);
  if (typeof window === 'string') return window;
  const refusal = refusedPower(p);
  if (refusal) return refusal;
  let x = powered(call, call.inputs[0] as string, p);
  if (kernel.length === 1) x = call.step('row', 'unsqueeze', [x], { axes: [2] });
  const { stride, dilation, pads } = pairs(window);
  const full: [number, number] = [kernel.at(-2) ?? 1, at(kernel, kernel.length - 1)];
  if (call.attrs.integer('ceil_mode', 0) !== 0) {
    // A last, partial window: whole with zeros after the input.
    const sizes = call.typeOf(0)?.shape.slice(2).map(Number) ?? [NaN];
    if (sizes.some(Number.isNaN)) return 'ceil_mode needs a known input size';
    const rows = kernel.length === 1 ? [1, ...sizes] : sizes;
    for (const axis of [0, 1] as const) {
      const free =
        at(rows, axis) + pads[axis] + at(pads, axis + 2) - dilation[axis] * (full[axis] - 1) - 1;
      pads[axis === 0 ? 2 : 3] += Math.ceil(free / stride[axis]) * stride[axis] - free;
    }
  }
  const [top, left, bottom, right] = pads;
  const zeros = { pads: [0, 0, top, left, 0, 0, bottom, right] };
  const padded = pads.some(Boolean) ? call.step('padded', 'pad', [x], zeros) : x;
  let mean = call.step('mean', 'average-pool', [padded], { kernel: full, stride, dilation });
  if (kernel.length === 1) mean = call.step('line', 'squeeze', [mean], { axes: [2] });
  rooted(call, mean, full[0] * full[1], p);
};

const globalLpPool: Importer = (call) => {
  const p = powerOf(call);
  const refusal = refusedPower(p);
  if (refusal) return refusal;
  const [rank, size] = [call.typeOf(0)?.shape.length, mapSize(call)];
  if (rank === undefined || size === undefined) return 'the size of the maps is unknown';
  const powers = powered(call, call.inputs[0] as string, p);
  const over = { kind: 'mean', axes: spatialAxes(rank), keepDims: true } as const;
  rooted(call, call.step('mean', 'reduce', [powers], over), size, p);
};

export const globalPools: Readonly<Record<string, Importer>> = {
  GlobalAveragePool: globalAveragePool,
  GlobalMaxPool: globalMaxPool,
  GlobalLpPool: globalLpPool,
  LpPool: lpPool,
};
