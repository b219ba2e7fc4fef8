/**
 * Pipelines as text:
 *
 *   pipeline := [ item { "," item } ]
 *   item     := name [ object ]                            a pass with options
 *             | "repeat" [ object ] "(" pipeline ")"       until the graph no longer changes, {max=10} times at most
 *             | [ name ] "(" pipeline ")"                  a group, under a name that reports show
 *   object   := "{" [ entry { "," entry } ] "}"    entry := key "=" value
 *   value    := object | "[" [ value { "," value } ] "]" | "quoted" | bare
 *
 * A bare word is a number (`3`, `1e-3`, or with K M G T: `8.61G` = 8.61e9), `true`, `false`, or else a string
 * (`dw-pw`, `0.5x`, `conv1_2`). Strings that would read as something else are quoted as in JSON.
 * `parsePipeline(formatPipeline(p), passes)` equals `p`. A text that starts with `[` is the JSON form.
 */
import { messageOf, OptionError } from '@decouple/tensor';
import type { Pass } from './define-pass.ts';
import { pipelineFromJson } from './pipeline-json.ts';
import {
  checkOptions,
  checkStep,
  group,
  maxDepth,
  passNamed,
  repeatOptions,
  type Locate,
  type OptionValue,
  type OptionValues,
  type Pipeline,
  type PipelineItem,
} from './pipeline.ts';

const exponents = { k: 3, K: 3, M: 6, G: 9, T: 12 } as const;
const numberPattern = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([kKMGT]))?$/;
const barePattern = /^[^\s,={}[\]()"]+$/;

function scalar(text: string): OptionValue {
  if (text === 'true' || text === 'false') return text === 'true';
  const match = numberPattern.exec(text);
  if (!match) return text;
  const suffix = match[3] as keyof typeof exponents | undefined;
  // Shifting in the text, not by a product, keeps `8.61G` the same float64 as `8610000000`.
  return suffix ? Number(`${match[1]}e${exponents[suffix]}`) : Number(text);
}

interface Reader {
  /** Position of the next token, counted from 0. */
  position(): number;
  /** Consumes `symbol` if it is next. */
  take(symbol: string): boolean;
  expect(symbol: string, what: string): void;
  /** A bare or quoted word. */
  word(what: string): { readonly text: string; readonly quoted: boolean };
  atEnd(): boolean;
  fail(expected: string): never;
}

const place = (position: number): string => `column ${position + 1}: `;

function createReader(text: string): Reader {
  let at = 0;
  const skipSpace = (): void => {
    while (/\s/.test(text[at] ?? '')) at++;
  };
  const fail = (expected: string): never => {
    skipSpace();
    const got = at < text.length ? `'${/^[^\s,={}[\]()"]+|^./s.exec(text.slice(at))?.[0]}'` : 'end';
    throw new OptionError(`pipeline, ${place(at)}expected ${expected}, got ${got}`);
  };
  const take = (symbol: string): boolean => {
    skipSpace();
    if (text[at] !== symbol) return false;
    at++;
    return true;
  };
  const quoted = (): string => {
    const match = /^"(?:[^"\\]|\\.)*"/s.exec(text.slice(at));
    if (!match) return fail('a closing quote');
    try {
      const value = JSON.parse(match[0]) as string;
      at += match[0].length;
      return value;
    } catch {
      return fail('a string quoted as in JSON');
    }
  };
  return {
    position: () => (skipSpace(), at),
    take,
    expect: (symbol, what) => void (take(symbol) || fail(what)),
    word(what) {
      skipSpace();
      if (text[at] === '"') return { text: quoted(), quoted: true };
      const match = /^[^\s,={}[\]()"]+/.exec(text.slice(at));
      if (!match) return fail(what);
      at += match[0].length;
      return { text: match[0], quoted: false };
    },
    atEnd: () => (skipSpace(), at >= text.length),
    fail,
  };
}

/** Where each option stands, by its path joined with a control character that no key holds by accident. */
type Positions = Map<string, number>;
const pathKey = (path: readonly PropertyKey[]): string => path.map(String).join('\u0000');

function readValue(reader: Reader, path: readonly string[], positions: Positions): OptionValue {
  if (path.length > maxDepth) return reader.fail(`at most ${maxDepth} nested lists and objects`);
  if (reader.take('{')) return readEntries(reader, path, positions);
  if (reader.take('[')) {
    const items: OptionValue[] = [];
    if (reader.take(']')) return items;
    do items.push(readValue(reader, [...path, String(items.length)], positions));
    while (reader.take(','));
    reader.expect(']', "',' or ']'");
    return items;
  }
  const { text, quoted } = reader.word('a value');
  return quoted ? text : scalar(text);
}

function readEntries(reader: Reader, path: readonly string[], positions: Positions): OptionValues {
  const entries: [string, OptionValue][] = [];
  const seen = new Set<string>();
  if (reader.take('}')) return {};
  do {
    const position = reader.position();
    const key = reader.word('an option').text;
    if (seen.has(key))
      throw new OptionError(`pipeline, ${place(position)}option '${key}' is set twice`);
    seen.add(key);
    reader.expect('=', `'=' after '${key}'`);
    positions.set(pathKey([...path, key]), position);
    entries.push([key, readValue(reader, [...path, key], positions)]);
  } while (reader.take(','));
  reader.expect('}', "',' or '}'");
  return Object.fromEntries(entries);
}

/** Options in braces, if any, and where each stands. */
function readOptions(reader: Reader, start: number): { given: OptionValues; locate: Locate } {
  const positions: Positions = new Map();
  const given = reader.take('{') ? readEntries(reader, [], positions) : {};
  const locate: Locate = (path) => {
    for (let length = path.length; length > 0; length--) {
      const found = positions.get(pathKey(path.slice(0, length)));
      if (found !== undefined) return place(found);
    }
    return place(start);
  };
  return { given, locate };
}

interface Reading {
  readonly reader: Reader;
  readonly passes: readonly Pass[];
}

/** What stands between parentheses; the opening one is taken. */
function readBody({ reader, passes }: Reading, depth: number): PipelineItem[] {
  if (depth >= maxDepth) reader.fail(`at most ${maxDepth} nested groups`);
  if (reader.take(')')) return [];
  const items = readItems({ reader, passes }, depth + 1);
  reader.expect(')', "',' or ')'");
  return items;
}

function readItem(reading: Reading, depth: number): PipelineItem {
  const { reader, passes } = reading;
  const start = reader.position();
  if (reader.take('(')) return group('', readBody(reading, depth));
  const { text: name, quoted } = reader.word('a pass or a group');
  if (name === 'repeat' && !quoted) {
    const { given, locate } = readOptions(reader, start);
    const { max } = checkOptions('repeat', repeatOptions, given, locate);
    reader.expect('(', "'(' and what to repeat");
    return { kind: 'repeat', max, steps: readBody(reading, depth) };
  }
  if (reader.take('(')) {
    if (passes.some((pass) => pass.name === name))
      throw new OptionError(
        `pipeline, ${place(start)}'${name}' is a pass; its options stand in braces: ${name}{…}`,
      );
    return group(name, readBody(reading, depth));
  }
  const pass = passNamed(name, passes, `pipeline, ${place(start)}`);
  const { given, locate } = readOptions(reader, start);
  return checkStep(pass, given, locate);
}

function readItems(reading: Reading, depth: number): PipelineItem[] {
  const items: PipelineItem[] = [];
  do items.push(readItem(reading, depth));
  while (reading.reader.take(','));
  return items;
}

/**
 * Reads a pipeline, as text or JSON; an empty text is the empty pipeline.
 * @param passes the passes whose names may occur.
 * @throws OptionError with the column, what was got, what is expected, and the nearest name.
 */
export function parsePipeline(text: string, passes: readonly Pass[]): Pipeline {
  const reader = createReader(text);
  if (reader.atEnd()) return { steps: [] };
  if (text.trimStart().startsWith('[')) return readJson(text, passes);
  const steps = readItems({ reader, passes }, 0);
  if (!reader.atEnd()) reader.fail("',' or the end");
  return { steps };
}

function readJson(text: string, passes: readonly Pass[]): Pipeline {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new OptionError(`pipeline: not valid JSON: ${messageOf(error)}`, { cause: error });
  }
  return pipelineFromJson(value, passes);
}

function formatNumber(value: number): string {
  const plain = Object.is(value, -0) ? '-0' : String(value);
  const candidates = Object.entries(exponents)
    .filter(([suffix]) => suffix !== 'k')
    .map(([suffix, exponent]) => `${Number(`${plain}e-${exponent}`)}${suffix}`)
    .filter((text) => Math.abs(value) >= 1000 && scalar(text) === value);
  return candidates.reduce((best, text) => (text.length <= best.length ? text : best), plain);
}

function formatString(value: string): string {
  return barePattern.test(value) && scalar(value) === value ? value : JSON.stringify(value);
}

const formatKey = (key: string): string => (barePattern.test(key) ? key : JSON.stringify(key));

const formatEntries = (values: OptionValues): string =>
  `{${Object.entries(values)
    .map(([key, value]) => `${formatKey(key)}=${formatOptionValue(value)}`)
    .join(', ')}}`;

/** A value as the text of a pipeline has it. */
export function formatOptionValue(value: OptionValue): string {
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value === 'string') return formatString(value);
  if (typeof value === 'boolean') return String(value);
  if (Array.isArray(value))
    return `[${(value as readonly OptionValue[]).map(formatOptionValue).join(', ')}]`;
  return formatEntries(value as OptionValues);
}

function formatItem(item: PipelineItem): string {
  if (item.kind === 'pass') {
    const { pass, given } = item;
    return `${formatKey(pass.name)}${Object.keys(given).length ? formatEntries(given) : ''}`;
  }
  const head = item.kind === 'repeat' ? `repeat{max=${item.max}}` : formatName(item.name);
  return `${head}(${formatPipeline(item)})`;
}

const formatName = (name: string): string => (name === '' ? '' : formatKey(name));

/** The pipeline as text, with the options that were given; defaults are left out. */
export const formatPipeline = ({ steps }: Pick<Pipeline, 'steps'>): string =>
  steps.map(formatItem).join(', ');
