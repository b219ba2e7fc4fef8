/**
 * Names, types and attribute values in the text syntax. Values are JSON's with bare words for simple strings and `=`
 * in objects: `{kernel=[3,3], activation={kind=relu}, ceil=true}`.
 */
import { dtypes, type DType } from '@decouple/tensor';
import type { Dim, ValueType } from '../types.ts';
import type { Scanner } from './scanner.ts';

export type Value = null | boolean | number | string | Value[] | { [key: string]: Value };

/** Nested lists and objects beyond which a text is refused. */
const maxDepth = 32;

const word = /[A-Za-z_][\w-]*/y;
const number = /-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|inf\b)|nan\b/y;
const quoted = /"(?:[^"\\\n]|\\.)*"/y;
const valueName = /[\w./-]+/y;

const isWhole = (pattern: RegExp, text: string): boolean => {
  pattern.lastIndex = 0;
  return pattern.exec(text)?.[0].length === text.length;
};

const keywords: Readonly<Record<string, Value>> = { null: null, true: true, false: false };
const isKeyword = (text: string): boolean =>
  Object.hasOwn(keywords, text) || text === 'inf' || text === 'nan';

const formatKey = (text: string): string => (isWhole(word, text) ? text : JSON.stringify(text));

/** A number that reads back as the same one, -0 included. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  return Object.is(value, -0) ? '-0' : String(value);
}

export function formatValue(value: Value): string {
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value === 'string') return isKeyword(value) ? JSON.stringify(value) : formatKey(value);
  if (Array.isArray(value)) return `[${value.map(formatValue).join(', ')}]`;
  if (value === null || typeof value === 'boolean') return String(value);
  return formatFields(value);
}

/** `{key=value, …}` */
export const formatFields = (fields: Readonly<Record<string, Value>>): string =>
  `{${Object.entries(fields)
    .map(([key, value]) => `${formatKey(key)}=${formatValue(value)}`)
    .join(', ')}}`;

/** `%name`, quoted when it holds unusual characters; `_` when it is absent. */
export const formatValueName = (name: string): string =>
  name === '' ? '_' : `%${isWhole(valueName, name) ? name : JSON.stringify(name)}`;

/** `float32[N,3,32,32]`, with dimensions that are no plain symbols quoted. */
export const formatTypeText = ({ dtype, shape }: ValueType): string =>
  `${dtype}[${shape.map((dim) => (typeof dim === 'number' ? dim : formatKey(dim))).join(',')}]`;

/** A text in quotes. */
export function parseQuoted(scanner: Scanner, what: string): string {
  const start = scanner.position;
  const text = scanner.match(quoted);
  if (text === undefined) throw scanner.failure(what);
  try {
    return JSON.parse(text) as string;
  } catch {
    throw scanner.errorAt(start, `${what} holds an unknown escape: ${text.slice(0, 40)}`);
  }
}

/** A bare word or a text in quotes. */
export const parseKey = (scanner: Scanner, what: string): string =>
  scanner.match(word) ?? parseQuoted(scanner, what);

export function parseNumber(scanner: Scanner): number | undefined {
  const text = scanner.match(number);
  if (text === undefined) return undefined;
  if (text === 'nan') return NaN;
  return text.endsWith('inf') ? (text === 'inf' ? Infinity : -Infinity) : Number(text);
}

export function parseValueName(scanner: Scanner): string {
  scanner.expect('%');
  return scanner.match(valueName) ?? parseQuoted(scanner, 'the name of a value');
}

/** Comma-separated items up to `end`, which is taken. */
export function parseList<T>(scanner: Scanner, end: string, item: () => T): T[] {
  const items: T[] = [];
  if (scanner.take(end)) return items;
  do items.push(item());
  while (scanner.take(','));
  scanner.expect(end);
  return items;
}

/** `key=value, … }`, after the opening brace or what stands for it. */
export function parseFields(scanner: Scanner, depth = 0, end = '}'): Record<string, Value> {
  const seen = new Set<string>();
  const entries = parseList(scanner, end, (): [string, Value] => {
    const start = scanner.position;
    const key = parseKey(scanner, 'the name of an attribute');
    if (seen.has(key)) throw scanner.errorAt(start, `'${key}' is given twice`);
    seen.add(key);
    scanner.expect('=');
    return [key, parseValue(scanner, depth + 1)];
  });
  return Object.fromEntries(entries);
}

export function parseValue(scanner: Scanner, depth = 0): Value {
  if (depth > maxDepth) throw scanner.failure(`at most ${maxDepth} nested lists and objects`);
  if (scanner.take('[')) return parseList(scanner, ']', () => parseValue(scanner, depth + 1));
  if (scanner.take('{')) return parseFields(scanner, depth);
  const value = parseNumber(scanner);
  if (value !== undefined) return value;
  const bare = scanner.match(word);
  if (bare === undefined) return parseQuoted(scanner, 'a value');
  return Object.hasOwn(keywords, bare) ? (keywords[bare] as Value) : bare;
}

export function parseType(scanner: Scanner): ValueType {
  const start = scanner.position;
  const dtype = scanner.match(word) as DType | undefined;
  if (!dtype || !dtypes.includes(dtype))
    throw scanner.errorAt(
      start,
      `expected an element type, one of ${dtypes.join(' ')}, got '${dtype ?? ''}'`,
    );
  scanner.expect('[');
  const shape = parseList(scanner, ']', (): Dim => {
    const at = scanner.position;
    const size = parseNumber(scanner);
    if (size === undefined) return parseKey(scanner, 'a dimension');
    if (!Number.isSafeInteger(size) || size < 0)
      throw scanner.errorAt(at, `dimension ${size} must be a whole number ≥ 0`);
    return size;
  });
  return { dtype, shape };
}
