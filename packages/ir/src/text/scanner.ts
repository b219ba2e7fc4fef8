/** Reads a text piece by piece, skipping white space and `# comments`; errors name line and column. */
import { ModelError } from '@decouple/tensor';

export interface Scanner {
  /** Position of the next piece. */
  readonly position: number;
  /** Takes the piece that a sticky pattern matches, if it does. */
  match(pattern: RegExp): string | undefined;
  /** Takes `text`, if it comes next. */
  take(text: string): boolean;
  /** As `take`, but leaves the white space behind it, for `until`. */
  takeRaw(text: string): boolean;
  /** Takes `text`. @throws ModelError when something else comes. */
  expect(text: string): void;
  /** The text up to `end`, which is taken too; nothing is skipped. @throws ModelError when there is no `end`. */
  until(end: string, what: string): string;
  isAtEnd(): boolean;
  /** An error at the next piece. */
  failure(expected: string): ModelError;
  /** An error at a position. */
  errorAt(position: number, message: string): ModelError;
}

const blank = /(?:\s|#[^\n]*)*/y;

export function createScanner(text: string, file: string): Scanner {
  let at = 0;
  const skip = (): void => {
    blank.lastIndex = at;
    blank.test(text);
    at = blank.lastIndex;
  };
  const errorAt = (position: number, message: string): ModelError => {
    const before = text.slice(0, position).split('\n');
    const column = (before[before.length - 1] as string).length + 1;
    return new ModelError(`${file}:${before.length}:${column}: ${message}`);
  };
  const failure = (expected: string): ModelError => {
    const next = /[^\s]{1,20}/.exec(text.slice(at, at + 40))?.[0];
    return errorAt(at, `expected ${expected}, got ${next ? `'${next}'` : 'the end'}`);
  };
  const takeRaw = (piece: string): boolean => {
    const found = text.startsWith(piece, at);
    if (found) at += piece.length;
    return found;
  };
  skip();
  return {
    get position() {
      return at;
    },
    match(pattern) {
      pattern.lastIndex = at;
      const found = pattern.exec(text)?.[0];
      if (found === undefined) return undefined;
      at += found.length;
      skip();
      return found;
    },
    takeRaw,
    take(piece) {
      if (!takeRaw(piece)) return false;
      skip();
      return true;
    },
    expect(piece) {
      if (!this.take(piece)) throw failure(`'${piece}'`);
    },
    until(end, what) {
      const stop = text.indexOf(end, at);
      if (stop < 0) throw failure(`${what} that ends with ${end}`);
      const found = text.slice(at, stop);
      at = stop + end.length;
      skip();
      return found;
    },
    isAtEnd: () => at === text.length,
    failure,
    errorAt,
  };
}
