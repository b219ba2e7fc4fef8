/**
 * Quantised weights: `DequantizeLinear` of constants becomes a float32 constant. Not handled (stays opaque): integers
 * that are computed when the network runs, blocks, results of other types.
 */
import { float32, innerSize, ModelError, numbersOf, sizeOf, type Tensor } from '@decouple/tensor';
import { DataType } from '../proto.ts';
import type { Call, Importer } from './call.ts';

const integerTypes: readonly string[] = ['int8', 'uint8', 'int16', 'uint16', 'int32'];

/** @throws ModelError unless there is one number, or one for each index of the axis. */
function requireCount(what: string, { shape, data }: Tensor, expected: number): void {
  if (shape.length > 1 || (data.length !== 1 && data.length !== expected))
    throw new ModelError(`${what} of shape [${shape.join(',')}], expected [] or [${expected}]`);
}

function axisOf(call: Call, { length: rank }: readonly number[]): number {
  const axis = call.attrs.integer('axis', 1);
  return axis < 0 ? axis + rank : axis;
}

/** y = (x - zero) · scale, where scale and zero are single numbers or lists along an axis. */
const dequantize: Importer = (call) => {
  const [x, scale, zero] = [0, 1, 2].map((index) => call.constant(index));
  if (!x || !scale || (call.has(2) && !zero)) return 'it is not of constants only';
  if (!integerTypes.includes(x.dtype)) return `it is of ${x.dtype}`;
  if (scale.dtype !== 'float32') return `its scale is ${scale.dtype}`;
  if (call.attrs.integer('block_size', 0) !== 0) return 'it has blocks';
  const to = call.attrs.integer('output_dtype', 0);
  if (to !== 0 && to !== DataType.FLOAT) return `its result is of type ${to}`;
  const axis = axisOf(call, x.shape);
  const perAxis = scale.data.length > 1 || (zero?.data.length ?? 1) > 1;
  const channels = x.shape[axis];
  if (perAxis && channels === undefined)
    throw new ModelError(`axis ${axis} is none of [${x.shape.join(',')}]`);
  requireCount('scale', scale, channels ?? 1);
  if (zero) requireCount('zero point', zero, channels ?? 1);
  const size = sizeOf(x.shape);
  if (!call.mayFold(2 * size)) return 'it is more work than folding may do';
  const [scales, zeros] = [numbersOf(scale), zero ? numbersOf(zero) : [0]];
  const inner = perAxis ? innerSize(x.shape, axis) : size;
  const of = (list: readonly number[], channel: number): number =>
    list[list.length > 1 ? channel : 0] as number;
  const values = Float32Array.from(x.data as Int8Array, (value, at) => {
    const channel = Math.floor(at / inner) % (channels ?? 1);
    return Math.fround(value - of(zeros, channel)) * of(scales, channel);
  });
  call.result('identity', [call.define('values', float32(x.shape, values))], {});
};

export const quantisation: Readonly<Record<string, Importer>> = { DequantizeLinear: dequantize };
