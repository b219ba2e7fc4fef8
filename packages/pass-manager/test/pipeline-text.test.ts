import { OptionError } from '@decouple/tensor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  definePass,
  describePass,
  formatPipeline,
  group,
  parsePipeline,
  pipeline,
  pipelineFromJson,
  pipelineToJson,
  repeat,
  step,
  stepsOf,
  type OptionValues,
  type Pass,
  type Pipeline,
  type PipelineItem,
} from '../src/index.ts';

const exact = definePass({
  name: 'fold-batch-norm',
  summary: 'Folds.',
  effect: 'exact',
  options: z.strictObject({}),
  rules: {},
});
const decouple = definePass({
  name: 'decouple',
  summary: 'Decouples.',
  effect: 'approximate',
  options: z.strictObject({
    terms: z
      .union([z.int().min(1), z.record(z.string(), z.int().min(1))])
      .default(2)
      .describe('terms kept, or a table by layer'),
    form: z.enum(['dw-pw', 'pw-dw']).default('dw-pw').describe('order of the two'),
    macs: z.union([z.number(), z.string()]).optional().describe('budget, or a ratio such as 0.5x'),
    layers: z.array(z.string()).optional().describe('layers to rewrite'),
    refit: z.boolean().default(true).describe('fit to data'),
  }),
  statistics: { rewritten: 'convolutions replaced' },
  rules: {},
});
const anything: Pass = definePass({
  name: 'anything',
  summary: 'Takes anything.',
  effect: 'exact',
  options: z.looseObject({}),
  rules: {},
});
const passes: readonly Pass[] = [exact, decouple, anything];
const read = (text: string) => stepsOf(parsePipeline(text, passes).steps);

describe('parsePipeline', () => {
  test('reads names, numbers with suffixes, ratios, tables, lists and quoted strings', () => {
    const text =
      'fold-batch-norm, decouple{terms={conv1_2=3, "layer 2"=4}, form=pw-dw, macs=8.61G,\n layers=[res/a.1, "b,c"], refit=false}, decouple { macs = 0.5x }';
    const [first, second, third] = read(text);
    expect(first?.pass.name).toBe('fold-batch-norm');
    expect(second?.options).toEqual({
      terms: { conv1_2: 3, 'layer 2': 4 },
      form: 'pw-dw',
      macs: 8_610_000_000,
      layers: ['res/a.1', 'b,c'],
      refit: false,
    });
    expect(third?.given).toEqual({ macs: '0.5x' });
    expect(third?.options).toEqual({ terms: 2, form: 'dw-pw', macs: '0.5x', refit: true });
  });

  test('an empty text is the empty pipeline', () => expect(read('  ')).toEqual([]));

  test.each([
    ['decople', "column 1: no pass 'decople'; did you mean 'decouple'?"],
    ['fold-batch-norm, x', "column 18: no pass 'x'; expected one of fold-batch-norm, decouple"],
    ['decouple{term=2}', "column 10: no option 'term'; did you mean 'terms'?"],
    ['decouple{terms=0}', "column 10: option 'terms' got 0, expected number to be >=1"],
    ['decouple{terms={a=1, b=two}}', 'column 22: option \'terms.b\' got "two", expected number'],
    ['decouple{form=dw-pv}', 'column 10: option \'form\' got "dw-pv", expected one of'],
    ['decouple{form=dw-pv}', "did you mean 'dw-pw'?"],
    ['decouple{terms=1, terms=2}', "column 19: option 'terms' is set twice"],
    ['decouple{terms 2}', "column 16: expected '=' after 'terms', got '2'"],
    ['decouple{terms=2', "column 17: expected ',' or '}', got end"],
    ['decouple{layers=[a, b}', "column 22: expected ',' or ']', got '}'"],
    ['decouple{form="dw', "column 15: expected a closing quote, got '\"'"],
    ['fold-batch-norm,', 'column 17: expected a pass or a group, got end'],
    ['fold-batch-norm decouple', "column 17: expected ',' or the end, got 'decouple'"],
    ['fold-batch-norm{a=1}', "column 17: no option 'a'; none is expected"],
    ['decouple)', "column 9: expected ',' or the end, got ')'"],
    ['(decouple', "column 10: expected ',' or ')', got end"],
    ['clean(fold-batch-norm, decople)', "column 24: no pass 'decople'; did you mean 'decouple'?"],
    ['repeat{max=2}', "column 14: expected '(' and what to repeat, got end"],
    ['repeat{max=0}(decouple)', "column 8: option 'max' got 0, expected number to be >=1"],
    ['repeat{times=2}(decouple)', "column 8: no option 'times'; expected one of max"],
    ['decouple(terms=2)', "column 1: 'decouple' is a pass; its options stand in braces"],
    ['"repeat"(decouple)', "a group can't be named 'repeat'"],
    ['('.repeat(100_000), 'column 34: expected at most 32 nested groups'],
    [`decouple{layers=${'['.repeat(100_000)}`, 'expected at most 32 nested lists and objects'],
    ['["decople"]', "pipeline[0]: no pass 'decople'; did you mean 'decouple'?"],
    ['[1', 'pipeline: not valid JSON'],
  ])('%s', (text, message) => {
    expect(() => read(text)).toThrow(OptionError);
    expect(() => read(text)).toThrow(message);
  });
});

describe('formatPipeline', () => {
  test('writes given options only, with the shortest numbers', () => {
    const value = pipeline([
      step(exact),
      step(decouple, { macs: 8.61e9, form: 'pw-dw' }),
      step(decouple, { macs: '3', terms: { a: 1000, b: 1234567 } }),
    ]);
    expect(formatPipeline(value)).toBe(
      'fold-batch-norm, decouple{macs=8.61G, form=pw-dw}, decouple{macs="3", terms={a=1K, b=1234567}}',
    );
  });

  /** Text or JSON and back; JSON has no -0. */
  const valuesOf = (json: boolean): fc.Arbitrary<OptionValues> => {
    const key = fc.oneof(fc.constantFrom('conv1_2', 'a b', 'x=1', '', 'true'), fc.string());
    return fc.letrec<{ value: OptionValues[string]; entries: OptionValues }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc
          .double({ noNaN: true, noDefaultInfinity: true })
          .map((value) => (json && value === 0 ? 0 : value)),
        fc.integer(),
        fc.integer({ max: 999_999 }).map((n) => n * 10_000),
        fc.boolean(),
        fc.constantFrom('0.5x', '3', 'true', '8G', '-0', '1e5', 'dw-pw', 'a"b', '\\'),
        fc.string({ unit: 'binary' }),
        fc.array(tie('value'), { maxLength: 3 }),
        tie('entries'),
      ),
      entries: fc.dictionary(
        key.filter((name) => name !== '__proto__'),
        tie('value'),
        { maxKeys: 3, noNullPrototype: true },
      ),
    })).entries;
  };
  const pipelinesOf = (json: boolean): fc.Arbitrary<Pipeline> => {
    const names = fc.oneof(fc.constantFrom('', 'clean up', 'a/b', 'x(', '"'), fc.string());
    const { items } = fc.letrec<{ item: PipelineItem; items: PipelineItem[] }>((tie) => ({
      item: fc.oneof(
        { depthSize: 'small' },
        valuesOf(json).map((given) => step(anything, given)),
        fc.constant(step(exact)),
        fc
          .tuple(tie('items'), fc.integer({ min: 1, max: 1000 }))
          .map(([steps, max]) => repeat(steps, max)),
        fc
          .tuple(
            names.filter((name) => ![...passes.map((pass) => pass.name), 'repeat'].includes(name)),
            tie('items'),
          )
          .map(([name, steps]) => group(name, steps)),
      ),
      items: fc.array(tie('item'), { maxLength: 3 }),
    }));
    return items.map(pipeline);
  };

  test('reading back gives the same pipeline', () => {
    fc.assert(
      fc.property(pipelinesOf(false), (written) => {
        expect(parsePipeline(formatPipeline(written), passes)).toEqual(written);
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  test('reading back the JSON form gives the same pipeline', () => {
    fc.assert(
      fc.property(pipelinesOf(true), (written) => {
        const json = JSON.stringify(pipelineToJson(written));
        expect(pipelineFromJson(JSON.parse(json), passes)).toEqual(written);
        expect(parsePipeline(json, passes)).toEqual(written);
      }),
      { numRuns: 300, seed: 2 },
    );
  });
});

test('step checks options as the text does', () => {
  // @ts-expect-error not an option
  expect(() => step(decouple, { term: 1 })).toThrow("no option 'term'; did you mean 'terms'?");
  expect(step(decouple).options).toEqual({ terms: 2, form: 'dw-pw', refit: true });
  const required = definePass({
    name: 'r',
    summary: '',
    effect: 'exact',
    options: z.strictObject({ rank: z.int() }),
    rules: {},
  });
  // @ts-expect-error rank is required
  expect(() => step(required)).toThrow("option 'rank' got nothing, expected number");
});

test('describePass gives types, defaults and documentation', () => {
  expect(describePass(decouple)).toEqual({
    name: 'decouple',
    summary: 'Decouples.',
    effect: 'approximate',
    options: [
      {
        name: 'terms',
        type: 'integer ≥ 1 | { name=integer ≥ 1, … }',
        default: 2,
        required: false,
        doc: 'terms kept, or a table by layer',
      },
      {
        name: 'form',
        type: '"dw-pw" | "pw-dw"',
        default: 'dw-pw',
        required: false,
        doc: 'order of the two',
      },
      {
        name: 'macs',
        type: 'number | string',
        required: false,
        doc: 'budget, or a ratio such as 0.5x',
      },
      { name: 'layers', type: '[string, …]', required: false, doc: 'layers to rewrite' },
      { name: 'refit', type: 'boolean', default: true, required: false, doc: 'fit to data' },
    ],
    statistics: { rewritten: 'convolutions replaced' },
  });
});
