/** Plain text tables that fit a terminal: columns two spaces apart, the widest text columns shortened when need be. */

export interface Column {
  readonly header: string;
  /** Numbers stand right, text left. Default 'left'. */
  readonly align?: 'left' | 'right';
}

export const tableWidth = 100;
const shortest = 8;

/** Keeps both ends, where names of layers differ. */
export function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  const head = Math.ceil((width - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (width - 1 - head))}`;
}

/** Widths that sum to `width` at most: the widest left-aligned columns give way first, down to eight characters. */
function fit(columns: readonly Column[], natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  const room = width - 2 * (columns.length - 1);
  const total = (): number => widths.reduce((sum, each) => sum + each, 0);
  while (total() > room) {
    const candidates = widths
      .map((each, index) => ({ each, index }))
      .filter(({ each, index }) => columns[index]?.align !== 'right' && each > shortest)
      .sort((a, b) => b.each - a.each);
    const [widest, next] = candidates;
    if (!widest) break;
    const floor = Math.max(shortest, Math.min(next?.each ?? shortest, widest.each - 1));
    widths[widest.index] = Math.max(floor, widest.each - (total() - room));
  }
  return widths;
}

/** A table as text, each line ended by a line feed and at most `width` wide as far as its numbers allow. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = tableWidth,
): string {
  const natural = columns.map(({ header }, index) =>
    Math.max(header.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const widths = fit(columns, natural, width);
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, index) => {
        const size = widths[index] as number;
        const cell = shorten(cells[index] ?? '', size);
        return align === 'right' ? cell.padStart(size) : cell.padEnd(size);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((size) => '─'.repeat(size)).join('  ');
  return [line(columns.map(({ header }) => header)), rule, ...rows.map(line)]
    .map((text) => `${text}\n`)
    .join('');
}

/** `8.61 G`, `312 M`, `940`: three significant digits. */
export function formatCount(value: number): string {
  for (const [suffix, unit] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const)
    if (Math.abs(value) >= 0.9995 * unit) return `${significant(value / unit)} ${suffix}`;
  return significant(value);
}

/** Three significant digits without an exponent; at least the whole part. */
export const significant = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));

/** `2.51x`: how many times `after` goes into `before`; `–` when there is nothing to compare. */
export const formatRatio = (before: number, after: number): string =>
  before > 0 && after > 0 ? `${(before / after).toFixed(2)}x` : '–';
