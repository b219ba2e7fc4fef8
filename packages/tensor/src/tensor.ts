/**
 * Dense tensors in row-major order over typed arrays. A tensor is plain data: immutable by convention,
 * shared freely, never copied by passes.
 */
import { messageOf, ModelError, UnsupportedError } from './errors.ts';

/** Element types. `bool` is stored as bytes 0/1, `float16` and `bfloat16` are widened to float32 on import. */
export const dtypes = [
  'float32',
  'float64',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
] as const;
export type DType = (typeof dtypes)[number];

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

export interface ArrayOf {
  float32: Float32Array;
  float64: Float64Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int16: Int16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  uint16: Uint16Array;
  uint32: Uint32Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
}
export type TypedArray = ArrayOf[DType];

/** A dense tensor: `data.length` is the product of `shape`. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: ArrayOf[D];
}

/** Number of elements of a shape. */
export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, dim) => product * dim, 1);

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis] ?? 1;
  }
  return strides;
}

export const sameShape = (
  a: readonly (number | string)[],
  b: readonly (number | string)[],
): boolean => a.length === b.length && a.every((dim, axis) => dim === b[axis]);

/** Whether two tensors hold the same bytes: NaN equals itself, -0 and 0 differ. */
export function sameTensor(a: Tensor, b: Tensor): boolean {
  if (a.data === b.data && sameShape(a.shape, b.shape)) return true;
  if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) return false;
  const bytes = ({ data }: Tensor): Uint8Array =>
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const [left, right] = [bytes(a), bytes(b)];
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}

/**
 * A zeroed array of `size` elements.
 * @throws UnsupportedError when the engine can't hold or the machine can't give so many.
 */
export function allocate<D extends DType>(dtype: D, size: number): ArrayOf[D] {
  try {
    return new arrays[dtype](size) as ArrayOf[D];
  } catch (error) {
    throw new UnsupportedError(`no memory for ${size} elements of ${dtype}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** `size` elements in a buffer from `byteOffset` on, which must be a multiple of the element's size; not copied. */
export const viewAs = <D extends DType>(
  dtype: D,
  buffer: ArrayBuffer,
  byteOffset: number,
  size: number,
): ArrayOf[D] => new arrays[dtype](buffer, byteOffset, size) as ArrayOf[D];

/** Bytes of one element. */
export const bytesPerElement = (dtype: DType): number => arrays[dtype].BYTES_PER_ELEMENT;

/**
 * Wraps `data` (not copied) as a tensor.
 * @throws ModelError when the length of `data` is not the product of `shape`.
 */
export function tensor<D extends DType>(
  dtype: D,
  shape: readonly number[],
  data: ArrayOf[D],
): Tensor<D> {
  if (!shape.every((dim) => Number.isInteger(dim) && dim >= 0))
    throw new ModelError(`tensor: shape [${shape.join(', ')}] must hold whole numbers ≥ 0`);
  if (data.length !== sizeOf(shape))
    throw new ModelError(
      `tensor: ${data.length} elements don't fill shape [${shape.join(', ')}] (${sizeOf(shape)} expected)`,
    );
  return { dtype, shape: [...shape], data };
}

/** A float32 tensor from numbers (copied) or a Float32Array (not copied). */
export const float32 = (
  shape: readonly number[],
  data: Float32Array | readonly number[],
): Tensor<'float32'> =>
  tensor('float32', shape, data instanceof Float32Array ? data : Float32Array.from(data));

/** An int64 tensor from whole numbers. A 1-D list unless `shape` is given. */
export const int64 = (
  values: readonly number[],
  shape: readonly number[] = [values.length],
): Tensor<'int64'> =>
  tensor(
    'int64',
    shape,
    BigInt64Array.from(values, (value) => BigInt(value)),
  );

export const zeros = <D extends DType>(dtype: D, shape: readonly number[]): Tensor<D> =>
  tensor(dtype, shape, allocate(dtype, sizeOf(shape)));

export const isFloat32 = (value: Tensor): value is Tensor<'float32'> => value.dtype === 'float32';

/**
 * The data of a float32 tensor.
 * @throws ModelError naming `what` when it is of another type.
 */
export function floats(value: Tensor, what = 'tensor'): Float32Array {
  if (!isFloat32(value)) throw new ModelError(`${what}: float32 expected, got ${value.dtype}`);
  return value.data;
}

/** All elements as JavaScript numbers (int64 beyond 2^53 loses precision). */
export const numbersOf = (value: Tensor): number[] =>
  Array.from(value.data as ArrayLike<number | bigint>, Number);

/** The same elements under another shape of equal size; the data is shared. */
export const reshaped = <D extends DType>(value: Tensor<D>, shape: readonly number[]): Tensor<D> =>
  tensor(value.dtype, shape, value.data);

/** Whether elements are bigints: the whole numbers of 64 bits. */
export const isWide = (dtype: DType): boolean => dtype === 'int64' || dtype === 'uint64';

/** Elements as numbers or bigints, for code over all element types; storing wraps around as the type does. */
export interface Elements {
  [index: number]: number | bigint;
  readonly length: number;
}

/** The elements of a tensor or array, whatever their type. */
export const elementsIn = (data: TypedArray): Elements => data;

/** A tensor whose elements all are `value`, which is truncated for whole numbers. */
export function filled<D extends DType>(
  dtype: D,
  shape: readonly number[],
  value: number,
): Tensor<D> {
  const data = allocate(dtype, sizeOf(shape));
  const fill = (element: number | bigint): void =>
    void (data as unknown as { fill(element: number | bigint): void }).fill(element);
  fill(isWide(dtype) ? BigInt(Math.trunc(value)) : value);
  return tensor(dtype, shape, data);
}

/** One element as a `dtype` stores it, before it wraps around. */
function converted(element: number | bigint, dtype: DType): number | bigint {
  if (dtype === 'bool') return Number(element) !== 0 ? 1 : 0;
  if (dtype === 'float32' || dtype === 'float64') return Number(element);
  if (isWide(dtype)) {
    if (typeof element === 'bigint') return element;
    return Number.isFinite(element) ? BigInt(Math.trunc(element)) : 0n;
  }
  return typeof element === 'bigint' ? Number(BigInt.asIntN(32, element)) : Math.trunc(element);
}

/**
 * Converts element types: float → int truncates towards zero, anything → bool tests for non-zero, what a whole type
 * can't hold wraps around.
 */
export function cast<D extends DType>(value: Tensor, dtype: D): Tensor<D> {
  if (value.dtype === dtype) return value as unknown as Tensor<D>;
  const out = allocate(dtype, value.data.length);
  const [from, to] = [elementsIn(value.data), elementsIn(out)];
  for (let index = 0; index < from.length; index++)
    to[index] = converted(from[index] as number | bigint, dtype);
  return tensor(dtype, value.shape, out);
}

/** All bits of the exponent of a float32: set in NaN and infinities alone. */
const float32Exponent = 0x7f800000;

/** Whether a tensor is free of NaN and infinities. */
export function holdsNumbers({ dtype, data }: Tensor): boolean {
  if (dtype === 'float64') return (data as Float64Array).every(Number.isFinite);
  if (dtype !== 'float32') return true;
  const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
  for (let index = 0; index < bits.length; index++)
    if (((bits[index] as number) & float32Exponent) === float32Exponent) return false;
  return true;
}

/** The largest absolute and relative differences of two equally shaped tensors; relative is to the largest |b|. */
export function difference(a: Tensor, b: Tensor): { maxAbs: number; maxRel: number } {
  if (!sameShape(a.shape, b.shape))
    throw new ModelError(
      `difference: shapes [${a.shape.join(', ')}] and [${b.shape.join(', ')}] differ`,
    );
  let maxAbs = 0;
  let scale = 0;
  for (let index = 0; index < a.data.length; index++) {
    const left = Number(a.data[index]);
    const right = Number(b.data[index]);
    if (left === right || (Number.isNaN(left) && Number.isNaN(right))) {
      if (Number.isFinite(right)) scale = Math.max(scale, Math.abs(right));
      continue;
    }
    const gap = Math.abs(left - right);
    maxAbs = Number.isNaN(gap) ? Infinity : Math.max(maxAbs, gap);
    if (Number.isFinite(right)) scale = Math.max(scale, Math.abs(right));
  }
  return { maxAbs, maxRel: maxAbs === 0 ? 0 : maxAbs / Math.max(scale, 1e-30) };
}
