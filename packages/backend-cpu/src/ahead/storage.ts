/** Constants as they are stored in files: float32, half precision, or 8-bit integers with a step per output channel. */
import type { StoredConstant, Storage } from './manifest.ts';

const word = new Float32Array(1);
const bits = new Uint32Array(word.buffer);

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

/** Values of one storage, as bytes. */
export interface Stored {
  readonly bytes: Uint8Array;
  readonly channels?: number;
}

const bytesOf = (values: Float32Array | Int32Array | Uint16Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** Steps of each channel, then the values: w ≈ step · q, q in [-127, 127]. */
function toSteps(values: Float32Array, channels: number): Uint8Array {
  const size = values.length / channels;
  const bytes = new Uint8Array(4 * channels + values.length);
  const steps = new Float32Array(bytes.buffer, 0, channels);
  const integers = new Int8Array(bytes.buffer, 4 * channels);
  for (let channel = 0; channel < channels; channel++) {
    const own = values.subarray(channel * size, (channel + 1) * size);
    const largest = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    steps[channel] = largest / 127;
    const step = steps[channel] as number;
    for (let at = 0; at < size; at++)
      integers[channel * size + at] = step > 0 ? Math.round((own[at] as number) / step) : 0;
  }
  return bytes;
}

/** @param channels of the first axis: only what has several numbers for each is worth 8 bits. */
export function store(
  values: Float32Array | Int32Array,
  storage: Storage,
  channels: number,
): Stored & { readonly storage: Storage } {
  if (values instanceof Int32Array) return { storage: 'i32', bytes: bytesOf(values) };
  if (storage === 'f16') return { storage, bytes: bytesOf(Uint16Array.from(values, toHalf)) };
  if (storage === 'i8' && channels > 0 && values.length > 8 * channels)
    return { storage, bytes: toSteps(values, channels), channels };
  return { storage: 'f32', bytes: bytesOf(values) };
}

/** The values of a stored constant. @param section whose bytes start at a multiple of 4 of their buffer. */
export function restore(
  section: Uint8Array,
  { storage, at, length, channels = 1 }: StoredConstant,
): Float32Array | Int32Array {
  const { buffer } = section;
  const start = section.byteOffset + at;
  if (storage === 'i32') return new Int32Array(buffer, start, length);
  if (storage === 'f32') return new Float32Array(buffer, start, length);
  if (storage === 'f16') return Float32Array.from(new Uint16Array(buffer, start, length), fromHalf);
  const steps = new Float32Array(buffer, start, channels);
  const size = length / channels;
  return Float32Array.from(
    new Int8Array(buffer, start + 4 * channels, length),
    (value, index) => value * (steps[Math.floor(index / size)] as number),
  );
}
