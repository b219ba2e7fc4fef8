/** Every guide is followed to the letter. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { blocksOf, insertAfter, missingLines } from '../guides/blocks.ts';
import { followGuide } from '../guides/follow.ts';

const folder = fileURLToPath(new URL('../../docs/guides', import.meta.url));

describe('blocks of a guide', () => {
  const guide = [
    '```ts file=a/b.ts',
    'const x = 1;',
    '```',
    'text',
    '```ts insert=a/b.ts after="x = 1"',
    'const y = 2;',
    '```',
    '```sh',
    '# a comment',
    'node a.js \\',
    '  --flag',
    '```',
    '```text',
    'MACs … 2.5x',
    '```',
    '```ts',
    'only shown',
    '```',
  ].join('\n');
  test('are read in order', () => {
    expect(blocksOf(guide)).toEqual([
      { kind: 'file', path: 'a/b.ts', content: 'const x = 1;\n' },
      { kind: 'insert', path: 'a/b.ts', after: 'x = 1', content: 'const y = 2;\n' },
      { kind: 'run', commands: ['node a.js --flag'] },
      { kind: 'expect', lines: ['MACs … 2.5x'] },
    ]);
  });
  test('insertions need their place', () => {
    expect(insertAfter('a\nb\nc', 'b', 'x\n')).toBe('a\nb\nx\nc');
    expect(() => insertAfter('a', 'z', 'x')).toThrow('no line contains "z"');
  });
  test('outputs lack what they lack', () => {
    expect(
      missingLines('MACs  78.7 M   31.5 M  2.50x', ['MACs … 2.50x', 'MACs 2.50x', 'top']),
    ).toEqual(['MACs 2.50x', 'top']);
  });
});

const guides = readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md');

test.each(guides)('%s', { timeout: 300_000 }, (name) => {
  followGuide(`${folder}/${name}`);
});
