/**
 * NumPy's `.npy` format, versions 1-3, C order, little endian: a magic string, a Python-literal header
 * `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}`, then the raw elements.
 * Not handled: Fortran order, big endian, structured types (each gives a DataError).
 */
import { DataError } from './errors.ts';
import { allocate, bytesPerElement, sizeOf, type DType, type Tensor } from './tensor.ts';

const descriptions: Record<string, DType> = {
  '<f4': 'float32',
  '<f8': 'float64',
  '<i8': 'int64',
  '<i4': 'int32',
  '<i2': 'int16',
  '|i1': 'int8',
  '|u1': 'uint8',
  '<u2': 'uint16',
  '<u4': 'uint32',
  '<u8': 'uint64',
  '|b1': 'bool',
};
const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

function parseHeader(text: string, file: string): { dtype: DType; shape: number[] } {
  const description = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const dtype = description === undefined ? undefined : descriptions[description];
  if (!dtype)
    throw new DataError(
      `${file}: element type ${description ?? 'missing'} can't be read; expected one of ${Object.keys(descriptions).join(' ')}`,
    );
  if (!/'fortran_order'\s*:\s*False/.test(text))
    throw new DataError(
      `${file}: Fortran order can't be read; save it with numpy.ascontiguousarray`,
    );
  const dims = /'shape'\s*:\s*\(([^)]*)\)/.exec(text)?.[1];
  if (dims === undefined) throw new DataError(`${file}: no shape in the .npy header`);
  const shape = dims
    .split(',')
    .map((dim) => dim.trim())
    .filter(Boolean)
    .map(Number);
  if (
    !shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0) ||
    !Number.isSafeInteger(sizeOf(shape))
  )
    throw new DataError(
      `${file}: shape (${dims}) in the .npy header is not a list of whole numbers`,
    );
  return { dtype, shape };
}

/**
 * Reads a `.npy` file's bytes. The elements are copied (to be aligned).
 * @throws DataError naming `file` when it is truncated, malformed or of an unsupported type.
 */
export function parseNpy(bytes: Uint8Array, file = 'npy'): Tensor {
  if (bytes.length < 10 || !magic.every((byte, index) => bytes[index] === byte))
    throw new DataError(`${file}: not a .npy file (its first bytes should be \\x93NUMPY)`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = (bytes[6] ?? 1) >= 2;
  if (wide && bytes.length < 12) throw new DataError(`${file}: truncated .npy header`);
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  if (start + length > bytes.length) throw new DataError(`${file}: truncated .npy header`);
  const { dtype, shape } = parseHeader(
    new TextDecoder('latin1').decode(bytes.subarray(start, start + length)),
    file,
  );
  const size = sizeOf(shape) * bytesPerElement(dtype);
  const available = bytes.length - start - length;
  if (available < size)
    throw new DataError(
      `${file}: ${size} bytes of data expected for shape (${shape.join(', ')}), got ${available}: truncated?`,
    );
  const data = allocate(dtype, sizeOf(shape));
  new Uint8Array(data.buffer).set(bytes.subarray(start + length, start + length + size));
  return { dtype, shape, data };
}

/** Writes a tensor as a `.npy` file, version 1.0. */
export function formatNpy(value: Tensor): Uint8Array {
  const description =
    Object.entries(descriptions).find(([, dtype]) => dtype === value.dtype)?.[0] ?? '<f4';
  const dims = value.shape.length === 1 ? `${value.shape[0]},` : value.shape.join(', ');
  const text = `{'descr': '${description}', 'fortran_order': False, 'shape': (${dims}), }`;
  const header = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11, ' ') + '\n';
  const raw = new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength);
  const out = new Uint8Array(10 + header.length + raw.length);
  out.set([...magic, 1, 0, header.length & 255, header.length >> 8]);
  out.set(new TextEncoder().encode(header), 10);
  out.set(raw, 10 + header.length);
  return out;
}
