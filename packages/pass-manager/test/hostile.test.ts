/** Damaged pipelines: an OptionError or a pipeline, at once; never anything else. */
import { createRandom, DecoupleError, OptionError } from '@decouple/tensor';
import { damagedText } from '@decouple/tensor/mutations';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { definePass, parsePipeline, pipelineFromJson, pipelineToJson } from '../src/index.ts';

const passes = [
  definePass({
    name: 'fold',
    summary: 'Folds.',
    effect: 'exact',
    options: z.strictObject({}),
    rules: {},
  }),
  definePass({
    name: 'decouple',
    summary: 'Decouples.',
    effect: 'exact',
    options: z.strictObject({
      macs: z.string().optional(),
      terms: z.int().min(1).default(1),
      skip: z.array(z.string()).default([]),
    }),
    rules: {},
  }),
];
const texts = [
  'fold, decouple{macs=0.4x, terms=2}',
  'decouple{skip=[conv1, "conv 2"]}, repeat{max=2}(fold)',
];

/** Runs `act`; anything thrown must be an error about options. @returns whether it went well. */
function survives(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (error instanceof OptionError) return false;
    throw error;
  }
}

test('ten thousand damaged texts', () => {
  const random = createRandom(3);
  const tokens = ['fold', 'decouple', 'repeat', '{', '}', '[', '(', ')', '"', '__proto__', '1e999'];
  let accepted = 0;
  for (let round = 0; round < 10_000; round++) {
    const text = damagedText(texts[round % 2] as string, random, tokens, texts);
    accepted += Number(survives(() => parsePipeline(text, passes)));
  }
  expect(accepted).toBeGreaterThan(50);
  expect(accepted).toBeLessThan(5000);
});

test('ten thousand damaged JSON pipelines', () => {
  const random = createRandom(4);
  const json = texts.map((text) => JSON.stringify(pipelineToJson(parsePipeline(text, passes))));
  const tokens = ['{', '}', '[', ']', 'null', '"__proto__"', '-1', '"repeat"', '"fold"', ':'];
  let read = 0;
  for (let round = 0; round < 10_000; round++) {
    let value: unknown;
    try {
      value = JSON.parse(damagedText(json[round % 2] as string, random, tokens, json));
    } catch {
      continue;
    }
    read++;
    survives(() => pipelineFromJson(value, passes));
  }
  expect(read).toBeGreaterThan(200);
});

test.each([
  ['lists within lists', `decouple{skip=${'['.repeat(100_000)}`],
  ['groups within groups', 'repeat('.repeat(100_000)],
  ['a name of a megabyte', 'f'.repeat(2 ** 20)],
  ['an option of a megabyte', `decouple{${'t'.repeat(2 ** 20)}=1}`],
  [
    'thousands of unknown options',
    `decouple{${Array.from({ length: 20_000 }, (_, at) => `k${at}=1`).join(',')}}`,
  ],
])('%s', (_, text) => {
  expect(() => parsePipeline(text, passes)).toThrow(OptionError);
  expect(() => parsePipeline(text, passes)).toThrow(/^.{10,5000}$/s);
  expect(() => parsePipeline(text, passes)).toThrow(DecoupleError);
});
