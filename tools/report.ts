/** What the tools share: generated blocks in documents, progress lines, the machine's description. */
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg } from 'node:os';
import { processor } from '@decouple/cost-model/node';
import { writeFileWhole } from 'decouple/node';
import { formatMarkdown } from './docs/format.ts';

/** A Markdown table. */
export const markdownTable = (
  headers: readonly string[],
  rows: readonly (readonly string[])[],
): string =>
  [headers, headers.map((_, index) => (index === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('');

/** Replaces what stands between `<!-- name:start -->` and `<!-- name:end -->` in a file. */
export async function replaceBlock(path: string, name: string, content: string): Promise<void> {
  const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const text = readFileSync(path, 'utf8');
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path}: no block ${start} … ${end}`);
  const replaced = `${text.slice(0, from)}${start}\n\n${content}\n${text.slice(to)}`;
  await writeFileWhole(path, await formatMarkdown(replaced, path));
}

/** Processor, Node version and load: what figures depend on. */
export const describeMachine = (): string =>
  `${processor()}, ${cpus().length} cores, ${arch()}, Node ${process.version}, load ${(loadavg()[0] as number).toFixed(1)}`;

/** Says how far something is, at most every few seconds. */
export function progressLines(label: string): (done: number, total: number, what?: string) => void {
  let last = performance.now();
  return (done, total, what = '') => {
    if (performance.now() - last < 5000) return;
    last = performance.now();
    console.error(`  ${label}: ${Math.floor((100 * done) / total)} % ${what}`);
  };
}
