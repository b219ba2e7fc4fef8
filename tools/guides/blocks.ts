/**
 * Guides are programs: their code blocks are followed to the letter, in order, in a copy of the project.
 *
 *   ```ts file=packages/x/src/y.ts               the block is written there
 *   ```ts insert=packages/x/src/y.ts after="…"   it is inserted after the first line that contains the text
 *   ```sh                                        each line is run; it must succeed
 *   ```text                                      what the last command printed contains each line; … stands for anything
 *
 * Blocks without any of these marks are only shown.
 */
export type Block =
  | { readonly kind: 'file'; readonly path: string; readonly content: string }
  | {
      readonly kind: 'insert';
      readonly path: string;
      readonly after: string;
      readonly content: string;
    }
  | { readonly kind: 'run'; readonly commands: readonly string[] }
  | { readonly kind: 'expect'; readonly lines: readonly string[] };

const fence = /^```(\w+)(?: ([^\n]*))?\n([\s\S]*?)^```$/gm;

const markOf = (marks: string, name: string): string | undefined =>
  new RegExp(`${name}=(?:"([^"]*)"|(\\S+))`)
    .exec(marks)
    ?.slice(1)
    .find((value) => value !== undefined);

const linesOf = (content: string): string[] =>
  content
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== '…');

function blockOf(language: string, marks: string, content: string): Block | undefined {
  const [file, insert, after] = ['file', 'insert', 'after'].map((name) => markOf(marks, name));
  if (file) return { kind: 'file', path: file, content };
  if (insert && after) return { kind: 'insert', path: insert, after, content };
  if (language === 'sh') return { kind: 'run', commands: commandsOf(content) };
  return language === 'text' ? { kind: 'expect', lines: linesOf(content) } : undefined;
}

/** Commands of a shell block: a line each, longer ones continued with a backslash; comments are dropped. */
const commandsOf = (content: string): string[] =>
  linesOf(content.replace(/\s*\\\n\s*/g, ' ')).filter((line) => !line.startsWith('#'));

/** The blocks of a guide that are followed, in order. */
export const blocksOf = (markdown: string): Block[] =>
  [...markdown.matchAll(fence)].flatMap(([, language = '', marks = '', content = '']) => {
    const block = blockOf(language, marks, content);
    return block ? [block] : [];
  });

/** Inserts lines after the first one that contains `after`. @throws Error naming what was not found. */
export function insertAfter(text: string, after: string, content: string): string {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.includes(after));
  if (at < 0) throw new Error(`no line contains ${JSON.stringify(after)}`);
  lines.splice(at + 1, 0, content.replace(/\n$/, ''));
  return lines.join('\n');
}

/** The lines that an output lacks. */
export function missingLines(output: string, lines: readonly string[]): string[] {
  const plain = output.replace(/\s+/g, ' ');
  return lines.filter((line) => {
    const parts = line.split('…').map((part) => part.replace(/\s+/g, ' ').trim());
    let from = 0;
    return !parts.every((part) => {
      const at = plain.indexOf(part, from);
      from = at + part.length;
      return at >= 0;
    });
  });
}
