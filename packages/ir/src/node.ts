/** Nodes: one application of an op. The union over all kinds is derived from the table of ops. */
import type { z } from 'zod';
import type { OpRecord } from './define-op.ts';
import { ops } from './ops/index.ts';

export type OpKind = keyof typeof ops;
export type AttrsOf<K extends OpKind> = z.output<(typeof ops)[K]['attrs']>;
export type AttrsInput<K extends OpKind> = z.input<(typeof ops)[K]['attrs']>;

export interface NodeOf<K extends OpKind> {
  /** Unique in the graph. New nodes made by passes are named `<old>/<role>`. */
  readonly name: string;
  readonly op: K;
  /** Names of values; `''` for an absent optional input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: AttrsOf<K>;
  /** The layer of the imported model that this node came from; reports speak in these names. */
  readonly origin: string;
}

export type Node = { [K in OpKind]: NodeOf<K> }[OpKind];

/** The record of an op, without its precise attribute type (for generic code over all nodes). */
export const recordOf = (kind: OpKind): OpRecord => ops[kind];

/** Narrows a node to one kind. */
export const isOp = <K extends OpKind>(node: Node | undefined, kind: K): node is NodeOf<K> & Node =>
  node?.op === kind;
