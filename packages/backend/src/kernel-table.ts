/** What tables of kernels, an entry for each op, have in common. */
import type { NodeOf, OpKind } from '@decouple/ir';

/** A node of one of several kinds, told apart by `op`. */
export type OneOf<K extends OpKind> = { [Kind in K]: NodeOf<Kind> }[K];

/** How an op runs on a backend, as data for generated documentation. */
export interface KernelDescription {
  readonly op: OpKind;
  /** A kernel of the backend, the reference interpreter, or not at all. */
  readonly support: 'kernel' | 'delegated' | 'unsupported';
  /** Why there is no kernel. */
  readonly reason?: string;
}

/** What makes kernels, or why there is none: left to the interpreter (`delegate`), or not run. */
type Entry =
  ((...args: never) => unknown) | { readonly delegate: string } | { readonly unsupported: string };

function describe(op: OpKind, entry: Entry): KernelDescription {
  if ('unsupported' in entry) return { op, support: 'unsupported', reason: entry.unsupported };
  if ('delegate' in entry) return { op, support: 'delegated', reason: entry.delegate };
  return { op, support: 'kernel' };
}

/** A table of kernels in the order of ops. */
export const describeTable = (table: Readonly<Record<OpKind, Entry>>): KernelDescription[] =>
  Object.entries(table).map(([op, entry]) => describe(op as OpKind, entry));
