import { parsePipeline } from 'decouple';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatItems,
  insertItem,
  moveItem,
  removeItem,
  replaceItem,
  type Item,
} from '../src/pipeline/items.ts';
import { passForms, readItems } from '../src/worker/forms.ts';

const text = 'fold-batch-norm, repeat{max=3}(merge-linear, fuse), decouple{macs=0.5x, skip=[a, b]}';

/** Items as forms make them: passes with options that stand for themselves, in groups. */
const item: fc.Arbitrary<Item> = fc.letrec<{ item: Item; pass: Item }>((tie) => ({
  pass: fc.constantFrom<Item>(
    { kind: 'pass', name: 'fuse', options: {} },
    { kind: 'pass', name: 'decouple', options: { macs: '0.4x', form: 'dw-pw' } },
    { kind: 'pass', name: 'channel-prune', options: { keep: '0.8', skip: '[conv1, conv2]' } },
    {
      kind: 'pass',
      name: 'spatial-decompose',
      options: { rank: '{conv1=3}', refitDense: 'false' },
    },
  ),
  item: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie('pass'),
    fc.record({
      kind: fc.constant('repeat' as const),
      max: fc.constantFrom('1', '10'),
      steps: fc.array(tie('item'), { maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constant('group' as const),
      name: fc.constantFrom('', 'clean'),
      steps: fc.array(tie('item'), { maxLength: 3 }),
    }),
  ),
})).item;

describe('items', () => {
  it('are what the text says, and give the text again', () => {
    expect(formatItems(readItems(text))).toBe(text);
    fc.assert(
      fc.property(fc.array(item, { maxLength: 4 }), (items) => {
        expect(readItems(formatItems(items))).toEqual(items);
      }),
    );
  });

  it('leave out options without a text', () => {
    const empty: Item = { kind: 'pass', name: 'decouple', options: { macs: '', terms: ' ' } };
    expect(formatItems([empty])).toBe('decouple');
  });

  it('are replaced, removed, inserted and moved where a path says', () => {
    const items = readItems(text);
    const fuse: Item = { kind: 'pass', name: 'fuse', options: {} };
    const after = (changed: Item[]): string => formatItems(changed);
    expect(after(replaceItem(items, [1, 0], fuse))).toContain('(fuse, fuse)');
    expect(after(removeItem(items, [1, 1]))).toContain('(merge-linear)');
    expect(after(insertItem(items, [0], fuse))).toBe(`fuse, ${text}`);
    expect(after(insertItem(items, [1, 2], fuse))).toContain('(merge-linear, fuse, fuse)');
    expect(after(moveItem(items, [1, 0], 1))).toContain('(fuse, merge-linear)');
    expect(after(moveItem(items, [2], -5))).toMatch(/^decouple\{.*\}, fold-batch-norm/);
    expect(after(moveItem(items, [0], 9))).toMatch(/, fold-batch-norm$/);
    expect(formatItems(items)).toBe(text);
  });
});

describe('passForms', () => {
  const forms = passForms();
  const fieldOf = (pass: string, option: string) =>
    forms.find(({ name }) => name === pass)?.fields.find(({ name }) => name === option);

  it('ask for each option as its declaration has it', () => {
    expect(fieldOf('decouple', 'form')?.field).toEqual({
      kind: 'choice',
      values: ['auto', 'dw-pw', 'pw-dw'],
    });
    expect(fieldOf('decouple', 'rounds')).toMatchObject({
      field: { kind: 'number', whole: true, least: 0, most: 20 },
      fallback: '2',
    });
    expect(fieldOf('decouple', 'refitDense')).toMatchObject({
      field: { kind: 'flag' },
      fallback: 'true',
    });
    expect(fieldOf('decouple', 'macs')?.field).toEqual({ kind: 'text' });
    expect(fieldOf('decompose', 'methods')?.fallback).toMatch(/^\[decouple, spatial, .*\]$/);
  });

  it('have defaults that the pass takes, as text', () => {
    for (const { name, fields } of forms)
      for (const { name: option, fallback } of fields)
        if (fallback !== undefined)
          expect(() => parsePipeline(`${name}{${option}=${fallback}}`)).not.toThrow();
  });
});
