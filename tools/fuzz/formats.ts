/** What is fuzzed: for each format its seeds, the tokens it knows, and what reads it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeDcpl, encodeDcpl } from '@decouple/dcpl';
import { damaged } from '@decouple/tensor/mutations';
import { allocate, formatNpy, parseNpy, zeros, type Random } from '@decouple/tensor';
import {
  builtInPasses,
  exportOnnx,
  graphBuilder,
  importOnnx,
  optimize,
  parseGraph,
  parsePipeline,
  printGraph,
  tensorDataset,
  type Graph,
} from 'decouple';
import { openDataset, readPreprocess } from 'decouple/node';
import { pipelineFromJson, pipelineToJson } from '@decouple/pass-manager';
import sharp from 'sharp';
import { absurdFile } from './dcpl.ts';
import { exercise, seedGraphs } from './exercise.ts';
import { absurdModel } from './onnx.ts';

export interface Format {
  readonly name: string;
  /** Of saved inputs. */
  readonly extension: string;
  /** Files of our own making, small. */
  seeds(): Promise<Uint8Array[]>;
  readonly tokens: readonly string[];
  /** Reads an input and puts it to use. Throws an error of ours, or accepts it. */
  use(bytes: Uint8Array): Promise<void>;
  /** Damage that knows the format; `undefined` when it can't be done to this input. */
  damage?(bytes: Uint8Array, random: Random): Uint8Array | undefined;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Names that objects have anyway, numbers that don't fit anywhere. */
const commonTokens = [
  'constructor',
  '__proto__',
  'toString',
  '',
  '0',
  '-1',
  '1e309',
  'NaN',
  'nan',
  'inf',
  '1e-400',
  '2147483648',
  '4294967296',
  '9007199254740993',
  '1099511627776',
  '\u0000',
  '\ud83d\ude00',
];

/** Changes one or two of a text's numbers, words or names, so that it is mostly still a text of its format. */
function changedWords(tokens: readonly string[]): NonNullable<Format['damage']> {
  const numbers = commonTokens.filter((token) => !Number.isNaN(Number(token)));
  return (bytes, random) => {
    // One character for each byte: what is no text stays as it is.
    let text = Buffer.from(bytes).toString('latin1');
    for (let left = 1 + random.below(2); left > 0; left--) {
      const words = [...text.matchAll(/-?\d+(?:\.\d+)?|[A-Za-z_][\w-]*/g)];
      const word = words[random.below(words.length)];
      if (!word) return undefined;
      const source = /\d/.test(word[0][0] ?? '') && random.below(4) ? numbers : tokens;
      const other = words[random.below(words.length)]?.[0] ?? '';
      const piece = random.below(4) ? (source[random.below(source.length)] ?? '') : other;
      text = text.slice(0, word.index) + piece + text.slice(word.index + word[0].length);
    }
    return Uint8Array.from(Buffer.from(text, 'latin1'));
  };
}

const folder = mkdtempSync(join(tmpdir(), 'decouple-fuzz-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

mkdirSync(join(folder, 'images'));

function written(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const onnx: Format = {
  name: 'onnx',
  extension: 'onnx',
  seeds: () =>
    Promise.resolve(
      seedGraphs().flatMap((graph) => {
        try {
          const bytes = exportOnnx(graph);
          return bytes.length < 8000 ? [bytes] : [];
        } catch {
          // Some graphs have no form in ONNX.
          return [];
        }
      }),
    ),
  tokens: [
    ...commonTokens,
    'Conv',
    'Reshape',
    'x',
    'axis',
    'auto_pad',
    'SAME_UPPER',
    'kernel_shape',
    'group',
  ],
  damage: absurdModel,
  use: (bytes) => exercise(importOnnx(bytes, { file: 'fuzzed.onnx' }).graph),
};

const dcpl: Format = {
  name: 'dcpl',
  extension: 'dcpl',
  seeds: () =>
    Promise.resolve(
      seedGraphs()
        .map((graph) => encodeDcpl(graph))
        .filter(({ length }) => length < 8000),
    ),
  tokens: [...commonTokens, 'DCPL', 'conv2d', 'float32[', 'int64[', '{axis=', 'x', 'N'],
  damage: absurdFile,
  use: (bytes) => exercise(decodeDcpl(bytes, 'fuzzed.dcpl')),
};

const graphTextTokens = [
  ...commonTokens,
  'fill(',
  'normal(',
  'base64"',
  'float32[',
  'int64[',
  'const ',
  'input ',
  'output ',
  '%x',
  ' = ',
  'metadata ',
  'relu(',
  'concat(',
  '{',
  '}',
  '[',
  ']',
  '_',
  '@"',
  'name="',
];

const graphText: Format = {
  name: 'text',
  extension: 'txt',
  seeds: () => Promise.resolve(seedGraphs().map((graph) => encode(printGraph(graph)))),
  tokens: graphTextTokens,
  damage: changedWords(graphTextTokens),
  use: (bytes) => exercise(parseGraph(decode(bytes), 'fuzzed.txt')),
};

const npyTokens = [
  ...commonTokens,
  "'descr': '<f4'",
  "'shape': (",
  'True',
  'False',
  '<f8',
  '|b1',
  ', ',
  '1e3',
  '0x10',
];

const npy: Format = {
  name: 'npy',
  extension: 'npy',
  seeds: () =>
    Promise.resolve([
      formatNpy(zeros('float32', [2, 3, 4, 4])),
      formatNpy(zeros('uint8', [4, 1, 2, 2])),
      formatNpy(zeros('int64', [5])),
      formatNpy(zeros('float64', [])),
    ]),
  tokens: npyTokens,
  damage: changedWords(npyTokens),
  use: async (bytes) => {
    const value = parseNpy(bytes, 'fuzzed.npy');
    await tensorDataset(value, undefined, {}, 'fuzzed.npy').batch([0]);
  },
};

const image: Format = {
  name: 'image',
  extension: 'img',
  seeds: () => {
    const raw = Buffer.alloc(8 * 8 * 3, 100);
    const start = () => sharp(raw, { raw: { width: 8, height: 8, channels: 3 } });
    return Promise.all([
      start().png().toBuffer(),
      start().png({ palette: true }).toBuffer(),
      start().jpeg().toBuffer(),
      start().jpeg({ progressive: true }).toBuffer(),
      start().webp().toBuffer(),
      start().tiff().toBuffer(),
      start().gif().toBuffer(),
    ]);
  },
  tokens: [
    'IHDR',
    'IDAT',
    'IEND',
    'PLTE',
    'tRNS',
    '<svg xmlns="http://www.w3.org/2000/svg"/>',
    'RIFF',
    'GIF89a',
    'Exif',
    '%PDF-1.4',
  ],
  use: async (bytes) => {
    written('images/one.png', bytes);
    const data = openDataset(join(folder, 'images'), { sampleShape: [3, 4, 4], preprocess: {} });
    await data.batch([0]);
  },
};

function tinyNetwork(): Graph {
  const b = graphBuilder('tiny');
  const x = b.input('x', ['N', 4, 5, 5]);
  const weight = b.constant('w', {
    dtype: 'float32',
    shape: [8, 4, 3, 3],
    data: allocate('float32', 288).fill(0.1),
  });
  return b.build([b.node('relu', [b.node('conv2d', [x, weight])])]);
}

const pipelineTextTokens = [
  ...commonTokens,
  ...builtInPasses.map(({ name }) => name),
  'terms=',
  'macs=',
  'energy=',
  '{',
  '}',
  '[',
  ']',
  '=',
  ', ',
  '"',
  '\\u0000',
  '0.5x',
  '1K',
  '1T',
];

const pipelineText: Format = {
  name: 'pipeline',
  extension: 'txt',
  seeds: () =>
    Promise.resolve(
      [
        'fold-batch-norm, decouple{macs=0.4x}, fuse',
        'decouple{terms=2, form=dw-pw, skip=[conv1_1]}',
        'decouple{macs=8.61G, adaptive=none}, fuse',
        'fold-constants{maxElements=10}, remove-identity, merge-linear, merge-branches',
      ].map(encode),
    ),
  tokens: pipelineTextTokens,
  damage: changedWords(pipelineTextTokens),
  use: async (bytes) => {
    await optimize(tinyNetwork(), decode(bytes));
  },
};

const preprocessTokens = [
  ...commonTokens,
  '"mean"',
  '"std"',
  '[',
  ']',
  '{',
  '}',
  ':',
  ',',
  'null',
  '[[',
  '"',
];

const preprocess: Format = {
  name: 'json',
  extension: 'json',
  seeds: () =>
    Promise.resolve(
      [
        '{ "mean": [0.49, 0.48, 0.45], "std": [0.2, 0.2, 0.2] }',
        '{ "mean": [0], "std": [1], "more": { "a": [null, true] } }',
      ].map(encode),
    ),
  tokens: preprocessTokens,
  damage: changedWords(preprocessTokens),
  use: async (bytes) => {
    const read = readPreprocess(written('preprocess.json', bytes)) ?? {};
    await tensorDataset(zeros('float32', [1, 3, 2, 2]), undefined, read, 'data').batch([0]);
  },
};

const pipelineJson: Format = {
  name: 'pipeline-json',
  extension: 'json',
  seeds: () =>
    Promise.resolve(
      [
        'fold-batch-norm, decouple{macs=0.4x}, fuse',
        'decouple{terms=2, skip=[conv1]}, repeat{max=2}(fold-constants, remove-identity)',
      ].map((text) => encode(JSON.stringify(pipelineToJson(parsePipeline(text))))),
    ),
  tokens: preprocessTokens,
  damage: changedWords(preprocessTokens),
  use: async (bytes) => {
    let value: unknown;
    try {
      value = JSON.parse(decode(bytes));
    } catch {
      return;
    }
    await optimize(tinyNetwork(), pipelineFromJson(value, builtInPasses));
  },
};

export const formats: readonly Format[] = [
  onnx,
  dcpl,
  graphText,
  npy,
  image,
  pipelineText,
  pipelineJson,
  preprocess,
];

/** The next input: damage that knows the format half of the time where there is any. */
export function nextInput(
  format: Format,
  corpus: readonly Uint8Array[],
  random: Random,
): Uint8Array {
  const bytes = corpus[random.below(corpus.length)] as Uint8Array;
  const wise = format.damage && random.below(2) ? format.damage(bytes, random) : undefined;
  return wise ?? damaged(bytes, random, { others: corpus, tokens: format.tokens.map(encode) });
}
