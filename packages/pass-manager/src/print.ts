/** Graphs as text after passes: to see what each of them does. */
import { printGraph, type Graph } from '@decouple/ir';
import { OptionError } from '@decouple/tensor';
import { formatChanges, hasChanged } from './changes.ts';
import { suggestion } from './nearest.ts';

export interface Print {
  readonly pass: string;
  /** Names of the groups around it and rounds of repeats, outermost first. */
  readonly groups: readonly string[];
  /** How many passes ran before. */
  readonly run: number;
  readonly text: string;
}

export interface PrintAfter {
  /**
   * `changed`: what each pass changed, nodes and constants only; `all`: the whole graph after every pass, long
   * constants left out; or the name of a pass: the whole graph after it.
   */
  readonly which: string;
  readonly write: (print: Print) => void;
}

/** @throws OptionError when `which` is neither a keyword nor a pass of the pipeline. */
export function checkPrintAfter({ which }: PrintAfter, passes: readonly string[]): void {
  const names = ['changed', 'all', ...new Set(passes)];
  if (!names.includes(which))
    throw new OptionError(`print after '${which}': no such pass here${suggestion(which, names)}`);
}

/** Prints a pass's result, if it is asked for. */
export function printPass(
  { which, write }: PrintAfter,
  at: Omit<Print, 'text'>,
  before: Graph,
  after: Graph,
): void {
  const { pass, groups, run } = at;
  const place = [...groups, pass].join('/');
  if (which === 'changed') {
    if (hasChanged(before, after))
      write({ pass, groups, run, text: `# changed by ${place}\n${formatChanges(before, after)}` });
  } else if (which === 'all' || which === pass) {
    const text = printGraph(after, { constants: 'summary', types: after.types });
    write({ pass, groups, run, text: `# after ${place}\n${text}` });
  }
}
