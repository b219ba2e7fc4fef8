/** Counts the rewrites of a run over all passes, and stops it after a given number. */
import { InvariantError } from '@decouple/tensor';
import type { OpKind } from '@decouple/ir';

/** One applied rewrite. */
export interface Rewrite {
  /** Counted from 1 over the whole run. */
  readonly number: number;
  /** Kind of op whose rule made it; absent for a pass that works on the whole graph. */
  readonly rule?: OpKind;
  /** Node that it was proposed for. */
  readonly node: string;
}

export interface RewriteCounter {
  /** Rewrites so far. */
  readonly count: number;
  /** Rewrites that may still be applied. */
  readonly left: number;
  add(node: string, rule?: OpKind): void;
}

/** @param limit no more rewrites than this. */
export function createRewriteCounter(
  limit: number,
  onRewrite: (rewrite: Rewrite) => void,
): RewriteCounter {
  let count = 0;
  return {
    get count() {
      return count;
    },
    get left() {
      return limit - count;
    },
    add(node, rule) {
      if (count >= limit) throw new InvariantError('a rewrite after the last one');
      onRewrite({ number: ++count, node, ...(rule && { rule }) });
    },
  };
}

/** Thrown through a pass's `run` when the last rewrite that is wanted has been applied; the driver catches it. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  override readonly message = 'the wanted number of rewrites is applied; passes let this through';
}
