/**
 * ONNX tensors and element types. Decoding trusts nothing: the product of the dimensions is checked against the data
 * that is really there before anything is allocated. float16 and bfloat16 are widened to float32.
 * Not handled: strings, complex numbers, 8-bit floats, 4-bit integers (each gives an UnsupportedError).
 */
import {
  allocate,
  bytesPerElement,
  fromHalves,
  ModelError,
  tensor,
  type ArrayOf,
  type DType,
  type Float16Format,
  type Tensor,
  UnsupportedError,
  viewAs,
} from '@decouple/tensor';
import { DataType, dataTypeName, isExternal, type TensorProto } from './proto.ts';
import { within } from './within.ts';

const dtypeOfDataType: Readonly<Record<number, DType>> = {
  [DataType.FLOAT]: 'float32',
  [DataType.FLOAT16]: 'float32',
  [DataType.BFLOAT16]: 'float32',
  [DataType.DOUBLE]: 'float64',
  [DataType.INT64]: 'int64',
  [DataType.INT32]: 'int32',
  [DataType.INT16]: 'int16',
  [DataType.INT8]: 'int8',
  [DataType.UINT8]: 'uint8',
  [DataType.UINT16]: 'uint16',
  [DataType.UINT32]: 'uint32',
  [DataType.UINT64]: 'uint64',
  [DataType.BOOL]: 'bool',
};

/** ONNX element types by ours. */
export const dataTypeOf: Readonly<Record<DType, number>> = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  int64: DataType.INT64,
  int32: DataType.INT32,
  int16: DataType.INT16,
  int8: DataType.INT8,
  uint8: DataType.UINT8,
  uint16: DataType.UINT16,
  uint32: DataType.UINT32,
  uint64: DataType.UINT64,
  bool: DataType.BOOL,
};

/** Our element type for an ONNX one, or `undefined` when there is none. */
export const dtypeOf = (dataType: number): DType | undefined => dtypeOfDataType[dataType];

/** The element type of our arrays that has the bits of an ONNX one, as stored in files. */
export const storedDType = (dataType: number): DType | undefined =>
  isWidened(dataType) ? 'uint16' : dtypeOf(dataType);

/** The 16-bit float type that an ONNX one is, if it is one. */
export const precisionOf = (dataType: number): Float16Format | null =>
  dataType === DataType.FLOAT16 ? 'float16' : dataType === DataType.BFLOAT16 ? 'bfloat16' : null;

/** Whether importing changes the element type: the 16-bit floats. */
export const isWidened = (dataType: number): boolean =>
  dataType === DataType.FLOAT16 || dataType === DataType.BFLOAT16;

/**
 * A whole number from protobuf's 64 bits.
 * @throws ModelError naming `what` when it is beyond 2^53.
 */
export function toInteger(value: bigint, what: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new ModelError(`${what} is ${value}, beyond 2^53`);
  return number;
}

/** @throws ModelError when the dimensions are no shape. */
export function shapeOf(proto: TensorProto): { shape: number[]; size: number } {
  const shape = proto.dims.map((dim) => toInteger(dim, 'a dimension'));
  let size = 1;
  for (const dim of shape) {
    size *= dim;
    if (dim < 0 || !Number.isSafeInteger(size))
      throw new ModelError(`dimensions [${shape.join(',')}] are not a possible shape`);
  }
  return { shape, size };
}

function widen(bits: Uint16Array, dataType: number): Float32Array {
  if (dataType === DataType.FLOAT16) return fromHalves(bits);
  return new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer);
}

/** The list of a TensorProto that holds elements of this type when they are not raw. */
function typedData(proto: TensorProto): readonly (number | bigint)[] {
  switch (proto.dataType) {
    case DataType.FLOAT:
      return proto.floatData;
    case DataType.DOUBLE:
      return proto.doubleData;
    case DataType.INT64:
      return proto.int64Data;
    case DataType.UINT32:
    case DataType.UINT64:
      return proto.uint64Data;
    default:
      return proto.int32Data;
  }
}

/** Bytes from which on raw data are worth sharing. Their tag and length take four bytes at least. */
const largeRaw = 2 ** 16;

/**
 * Raw data as an array: shared when it has memory of its own, as external data do, else copied. Of a file whose bytes
 * are free to change large ones are shared, too, moved to where numbers may begin: over their tag and length.
 */
function rawArray(
  raw: Uint8Array,
  stored: DType,
  size: number,
  bytesAreOurs: boolean,
): ArrayOf[DType] {
  const buffer = raw.buffer as ArrayBuffer;
  if (raw.byteOffset === 0 && raw.byteLength === buffer.byteLength)
    return viewAs(stored, buffer, 0, size);
  const gap = raw.byteOffset % bytesPerElement(stored);
  if (bytesAreOurs && raw.length >= largeRaw && gap < 4) {
    const start = raw.byteOffset - gap;
    if (gap > 0) new Uint8Array(buffer, start, raw.length).set(raw);
    return viewAs(stored, buffer, start, size);
  }
  const data = allocate(stored, size);
  new Uint8Array(data.buffer).set(raw);
  return data;
}

function listedArray(proto: TensorProto, stored: DType, size: number): ArrayOf[DType] {
  const data = allocate(stored, size);
  const wide = stored === 'int64' || stored === 'uint64';
  const out = data as unknown as { [index: number]: number | bigint };
  typedData(proto).forEach(
    (element, index) => (out[index] = wide ? BigInt(element) : Number(element)),
  );
  return data;
}

function dataOf(
  proto: TensorProto,
  stored: DType,
  size: number,
  bytesAreOurs: boolean,
): ArrayOf[DType] {
  const raw = proto.rawData;
  const found = raw.length ? raw.length / bytesPerElement(stored) : typedData(proto).length;
  if (found !== size)
    throw new ModelError(`${size} elements expected for [${proto.dims.join(',')}], got ${found}`);
  const data = raw.length
    ? rawArray(raw, stored, size, bytesAreOurs)
    : listedArray(proto, stored, size);
  return isWidened(proto.dataType) ? widen(data as Uint16Array, proto.dataType) : data;
}

function tensorFrom(proto: TensorProto, bytesAreOurs: boolean): Tensor {
  const [dtype, stored] = [dtypeOf(proto.dataType), storedDType(proto.dataType)];
  if (!dtype || !stored)
    throw new UnsupportedError(
      `element type ${dataTypeName(proto.dataType)} has no counterpart here`,
    );
  if (isExternal(proto))
    throw new ModelError('its data lie in another file; read the model by its path (readOnnx)');
  if (proto.segment) throw new UnsupportedError('segmented tensors are not supported');
  const { shape, size } = shapeOf(proto);
  return tensor(dtype, shape, dataOf(proto, stored, size, bytesAreOurs));
}

/**
 * A tensor from its ONNX form. Its data are copied, unless they have a buffer of their own.
 * @param where what the tensor is, for messages: `"initializer 'w'"`.
 * @param bytesAreOurs whether large data may stay where they are, and the bytes before them be overwritten.
 * @throws ModelError naming `where` when dimensions and data disagree; UnsupportedError when the type has no counterpart.
 */
export function importTensor(proto: TensorProto, where: string, bytesAreOurs = false): Tensor {
  try {
    return tensorFrom(proto, bytesAreOurs);
  } catch (error) {
    throw within(where, error);
  }
}

/** The bytes of a tensor as ONNX stores them, little endian; shared with the tensor. */
export const rawBytes = (value: Tensor): Uint8Array<ArrayBuffer> =>
  new Uint8Array(value.data.buffer as ArrayBuffer, value.data.byteOffset, value.data.byteLength);
