import { OptionError } from '@decouple/tensor';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  definePass,
  group,
  pipeline,
  pipelineFromJson,
  pipelineSchema,
  pipelineToJson,
  repeat,
  step,
} from '../src/index.ts';

const clean = definePass({
  name: 'clean',
  summary: 'Cleans.',
  effect: 'exact',
  options: z.strictObject({}),
  rules: {},
});
const cut = definePass({
  name: 'cut',
  summary: 'Cuts.',
  effect: 'approximate',
  options: z.strictObject({
    rank: z.int().min(1).describe('terms'),
    by: z.enum(['rows', 'columns']).default('rows').describe('what'),
    table: z.record(z.string(), z.number()).optional().describe('by layer'),
  }),
  rules: {},
});
const passes = [clean, cut];

const good = [
  'clean',
  { pass: 'clean' },
  { pass: 'cut', options: { rank: 2, table: { a: 1.5 } } },
  { repeat: ['clean', { group: 'inner', steps: [] }], max: 3 },
  { repeat: [] },
];

test('values and JSON correspond', () => {
  const value = pipeline([
    step(clean),
    repeat([step(cut, { rank: 2 }), group('g', [step(clean)])], 4),
  ]);
  expect(pipelineToJson(value)).toEqual([
    'clean',
    {
      repeat: [
        { pass: 'cut', options: { rank: 2 } },
        { group: 'g', steps: ['clean'] },
      ],
      max: 4,
    },
  ]);
  expect(pipelineFromJson(good, passes).steps[4]).toMatchObject({ kind: 'repeat', max: 10 });
});

const deep = (depth: number): unknown => (depth ? [{ repeat: deep(depth - 1) }] : []);

const bad: [unknown, string][] = [
  [null, 'pipeline: expected a list of passes and groups, got null'],
  [['clen'], "pipeline[0]: no pass 'clen'; did you mean 'clean'?"],
  [['cut'], "option 'rank' got nothing, expected number"],
  [[{ pass: 'cut', options: { rank: 0 } }], "pipeline[0].options.rank: option 'rank' got 0"],
  [[{ pass: 'cut', options: [] }], 'pipeline[0].options: expected an object, got []'],
  [[{ pass: 'clean', option: {} }], 'expected "pass" and "options", got "option"'],
  [['clean', { repeat: [3] }], 'pipeline[1].repeat[0]: expected the name of a pass'],
  [[{ repeat: [], max: 0 }], "pipeline[0]: option 'max' got 0"],
  [[{ group: 'repeat', steps: [] }], "a group can't be named 'repeat'"],
  [[{ group: 'g' }], 'pipeline[0].steps: expected a list of passes and groups, got nothing'],
];

describe('errors say where', () => {
  test.each(bad)('%j', (value, message) => {
    expect(() => pipelineFromJson(value, passes)).toThrow(OptionError);
    expect(() => pipelineFromJson(value, passes)).toThrow(message);
  });

  test('groups of too great a depth are refused', () => {
    expect(() => pipelineFromJson(deep(5000), passes)).toThrow('more than 32 nested groups');
  });
});

test('the schema tells valid pipelines from others, as the reader does', () => {
  const validate = new Ajv2020({ strict: true, allErrors: true }).compile(pipelineSchema(passes));
  expect(validate(good)).toBe(true);
  for (const [value] of bad) expect(validate(value), JSON.stringify(value)).toBe(false);
});
