/** Constants as they are stored in files: float32, half precision, or 8-bit integers with a step per output channel. */
import { compact, float32, fromHalves, fromSteps } from '@decouple/tensor';
import type { StoredConstant, Storage } from './manifest.ts';

/** Values of one storage, as bytes. */
export interface Stored {
  readonly bytes: Uint8Array;
  readonly channels?: number;
}

const bytesOf = (values: Float32Array | Int32Array | Uint16Array | Int8Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** @param channels of the first axis, 0 when there are none. */
export function store(
  values: Float32Array | Int32Array,
  storage: Storage,
  channels: number,
): Stored & { readonly storage: Storage } {
  if (values instanceof Int32Array) return { storage: 'i32', bytes: bytesOf(values) };
  const shape = channels > 0 ? [channels, values.length / channels] : [values.length];
  const small = storage === 'i32' ? undefined : compact(float32(shape, values), storage, 0);
  if (!small) return { storage: 'f32', bytes: bytesOf(values) };
  if (small.storage === 'f16') return { storage: 'f16', bytes: bytesOf(small.halves) };
  // Steps of each channel, then the values.
  const bytes = new Uint8Array(4 * channels + values.length);
  bytes.set(bytesOf(small.steps));
  bytes.set(bytesOf(small.integers), 4 * channels);
  return { storage: 'i8', bytes, channels };
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
  if (storage === 'f16') return fromHalves(new Uint16Array(buffer, start, length));
  const steps = new Float32Array(buffer, start, channels);
  const integers = new Int8Array(buffer, start + 4 * channels, length);
  return fromSteps({ steps, integers }, length / channels);
}
