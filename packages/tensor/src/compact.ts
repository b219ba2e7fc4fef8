/**
 * Weights in fewer bytes: half precision, or 8-bit integers with a float32 step per channel (symmetric, as the
 * `DequantizeLinear` of ONNX without zero points).
 */
import { isFloat32, sizeOf, type Tensor } from './tensor.ts';

/** How weights are stored: as they are, in half precision, or as 8-bit steps of each channel. */
export const weightStorages = ['f32', 'f16', 'i8'] as const;
export type WeightStorage = (typeof weightStorages)[number];

const word = /* @__PURE__ */ new Float32Array(1);
const bits = /* @__PURE__ */ new Uint32Array(word.buffer);

/** The nearest half-precision number as its bits, ties to even; beyond the largest it is infinity. */
export function toHalf(value: number): number {
  word[0] = value;
  const all = bits[0] as number;
  const sign = (all >>> 16) & 0x8000;
  const magnitude = Math.abs(word[0]);
  if (Number.isNaN(magnitude)) return sign | 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude < 2 ** -14) {
    // Steps of 2⁻²⁴; adding 1.5·2²³ to a double's float part would round the same way.
    const steps = magnitude * 2 ** 24;
    const down = Math.floor(steps);
    const rest = steps - down;
    return sign | (rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down);
  }
  const rounded = (all & 0x7fffffff) + 0xfff + ((all >>> 13) & 1);
  return sign | ((rounded - (112 << 23)) >>> 13);
}

/** The number of half-precision bits. */
export function fromHalf(half: number): number {
  const [exponent, fraction] = [(half >>> 10) & 31, half & 1023];
  const sign = half & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The numbers of half-precision bits. */
export const fromHalves = (halves: Uint16Array): Float32Array =>
  Float32Array.from(halves, fromHalf);

/** w ≈ step · integer, with a step for each channel and integers in [-127, 127]. */
export interface Stepped {
  readonly steps: Float32Array;
  readonly integers: Int8Array;
}

/** The smallest normal float32: what is below has too few digits for a step. */
const leastStep = 2 ** -126;

/** @param inner numbers that follow each other and belong to one channel. */
function toSteps(values: Float32Array, channels: number, inner: number): Stepped {
  const channelOf = (at: number): number => Math.floor(at / inner) % channels;
  const steps = new Float32Array(channels);
  values.forEach((value, at) => {
    const channel = channelOf(at);
    steps[channel] = Math.max(steps[channel] as number, Math.abs(value));
  });
  for (const [channel, largest] of steps.entries())
    steps[channel] = largest / 127 >= leastStep ? largest / 127 : 1;
  const integers = Int8Array.from(values, (value, at) =>
    Math.round(value / (steps[channelOf(at)] as number)),
  );
  return { steps, integers };
}

/**
 * The numbers of integers and steps, each rounded once to float32.
 * @param inner numbers that follow each other and belong to one channel.
 */
export const fromSteps = ({ steps, integers }: Stepped, inner: number): Float32Array =>
  Float32Array.from(
    integers,
    (value, at) => value * (steps[Math.floor(at / inner) % steps.length] as number),
  );

/** Numbers that follow each other in memory and have the same index along an axis. */
export const innerSize = (shape: readonly number[], axis: number): number =>
  sizeOf(shape.slice(axis + 1));

/** A float32 tensor in fewer bytes. */
export type Compact =
  | { readonly storage: 'f16'; readonly halves: Uint16Array }
  | ({ readonly storage: 'i8'; readonly axis: number } & Stepped);

/**
 * A tensor in fewer bytes.
 * @param axis of the output channels.
 * @returns `undefined` when it stays as it is: it is no float32, it holds what the storage can't (NaN, infinity, beyond
 * 65504 in half precision), or its channels have too few numbers to be worth a step each.
 */
export function compact(value: Tensor, storage: WeightStorage, axis: number): Compact | undefined {
  if (storage === 'f32' || !isFloat32(value)) return undefined;
  const { shape, data } = value;
  const limit = storage === 'f16' ? 65520 : Infinity;
  if (!data.every((each) => Math.abs(each) < limit)) return undefined;
  if (storage === 'f16') return { storage, halves: Uint16Array.from(data, toHalf) };
  const channels = shape[axis] ?? 0;
  if (channels === 0 || data.length <= 8 * channels) return undefined;
  return { storage, axis, ...toSteps(data, channels, innerSize(shape, axis)) };
}
