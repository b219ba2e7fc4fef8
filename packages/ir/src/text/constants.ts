/**
 * Constants in the text syntax. Printed as a list of numbers when short, else as the little-endian bytes in base64,
 * so that they read back bit for bit. Hand-written models may also say `fill(0.5)` or `normal(seed=1, scale=0.1)`.
 */
import {
  allocate,
  createRandom,
  normals,
  sizeOf,
  tensor,
  type ArrayOf,
  type DType,
  type Tensor,
} from '@decouple/tensor';
import { staticShape, type ValueType } from '../types.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import type { Scanner } from './scanner.ts';
import { formatNumber, parseFields, parseList, parseNumber } from './values.ts';

/** Constants of up to this many elements are printed as numbers. */
const maxListed = 16;
/** Elements beyond which a generated constant is refused: more than any weight of a CNN. */
const maxGenerated = 2 ** 28;

const whole = /-?\d+/y;

export const isShort = (value: Tensor): boolean => value.data.length <= maxListed;

/** The data of a constant. */
export function formatData(value: Tensor): string {
  const elements = Array.from(value.data as ArrayLike<number | bigint>);
  // A list can't carry which NaN it is.
  if (!isShort(value) || elements.some(Number.isNaN)) {
    const { buffer, byteOffset, byteLength } = value.data;
    return `base64"${encodeBase64(new Uint8Array(buffer, byteOffset, byteLength))}"`;
  }
  const texts = elements.map((element) =>
    typeof element === 'bigint' ? String(element) : formatNumber(element),
  );
  return `[${texts.join(', ')}]`;
}

function parseBytes(scanner: Scanner, dtype: DType, size: number): ArrayOf[DType] {
  const start = scanner.position;
  const bytes = decodeBase64(scanner.until('"', 'base64'));
  if (!bytes) throw scanner.errorAt(start, 'this is not base64');
  const wanted = size * allocate(dtype, 1).byteLength;
  if (bytes.length !== wanted)
    throw scanner.errorAt(start, `${wanted} bytes expected, got ${bytes.length}`);
  const out = allocate(dtype, size);
  new Uint8Array(out.buffer).set(bytes);
  return out;
}

function parseElements(scanner: Scanner, dtype: DType, size: number): ArrayOf[DType] {
  const start = scanner.position;
  const isBig = dtype === 'int64' || dtype === 'uint64';
  const elements = parseList(scanner, ']', () => {
    const text = isBig ? scanner.match(whole) : undefined;
    const element = isBig ? text && BigInt(text) : parseNumber(scanner);
    if (element === undefined) throw scanner.failure(isBig ? 'a whole number' : 'a number');
    return element;
  });
  if (elements.length !== size)
    throw scanner.errorAt(start, `${size} elements expected, got ${elements.length}`);
  const out = allocate(dtype, size) as { set(elements: readonly unknown[]): void };
  out.set(elements);
  return out as unknown as ArrayOf[DType];
}

function parseGenerated(scanner: Scanner, dtype: DType, size: number): ArrayOf[DType] {
  const start = scanner.position;
  if (size > maxGenerated)
    throw scanner.errorAt(start, `at most ${maxGenerated} elements can be generated, not ${size}`);
  if (scanner.take('fill(')) {
    const value = parseNumber(scanner);
    if (value === undefined) throw scanner.failure('a number');
    scanner.expect(')');
    const out = allocate(dtype, size) as { fill(value: number | bigint): void };
    out.fill(dtype === 'int64' || dtype === 'uint64' ? BigInt(Math.trunc(value)) : value);
    return out as unknown as ArrayOf[DType];
  }
  if (!scanner.take('normal('))
    throw scanner.failure('the data: [numbers], base64"…", fill(number) or normal(seed=number)');
  const { seed = 0, scale = 1, ...others } = parseFields(scanner, 0, ')');
  if (typeof seed !== 'number' || typeof scale !== 'number' || Object.keys(others).length)
    throw scanner.errorAt(start, 'expected normal(seed=number, scale=number)');
  if (dtype !== 'float32') throw scanner.errorAt(start, `normal() makes float32, not ${dtype}`);
  return normals(createRandom(seed), size, scale);
}

/** The tensor of a declared type. */
export function parseData(scanner: Scanner, type: ValueType): Tensor {
  const shape = staticShape(type);
  if (!shape) throw scanner.errorAt(scanner.position, 'a constant needs known sizes');
  const size = sizeOf(shape);
  if (!Number.isSafeInteger(size))
    throw scanner.errorAt(scanner.position, `[${shape.join(',')}] is too large`);
  const parse = scanner.takeRaw('base64"')
    ? parseBytes
    : scanner.take('[')
      ? parseElements
      : parseGenerated;
  return tensor(type.dtype, shape, parse(scanner, type.dtype, size));
}
