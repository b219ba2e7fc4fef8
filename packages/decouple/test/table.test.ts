import { describe, expect, it } from 'vitest';
import { formatCount, formatRatio, formatTable, shorten, significant } from '../src/index.ts';

describe('formatTable', () => {
  it('aligns columns and shortens the widest text to fit', () => {
    const text = formatTable(
      [{ header: 'layer' }, { header: 'MACs', align: 'right' }],
      [
        ['a/very/long/name/of/a/layer/in/some/network', '12'],
        ['short', '3456'],
      ],
      24,
    );
    expect(text).toBe(
      [
        'layer               MACs',
        '──────────────────  ────',
        'a/very/lo…/network    12',
        'short               3456',
        '',
      ].join('\n'),
    );
  });

  it('never shortens numbers', () => {
    const text = formatTable([{ header: 'n', align: 'right' }], [['1234567890123']], 5);
    expect(text).toContain('1234567890123');
  });
});

describe('numbers', () => {
  it('formats counts, ratios and shares', () => {
    expect([0, 940, 999.9, 1500, 312_400_000, 8.61e9].map(formatCount)).toEqual([
      '0',
      '940',
      '1 k',
      '1.5 k',
      '312 M',
      '8.61 G',
    ]);
    expect(formatRatio(10, 4)).toBe('2.50x');
    expect(formatRatio(0, 4)).toBe('–');
    expect([0.012345, 12.345, 1234.5].map(significant)).toEqual(['0.0123', '12.3', '1235']);
    expect(shorten('abcdefghij', 5)).toBe('ab…ij');
  });
});
