/**
 * What a kernel is: a function from a node to launches, sources of gpu.js kernels with all sizes and attributes built
 * in, run in order. Every op has an entry: a kernel, the interpreter (`delegate`: why), or neither.
 */
import type { Activation, NodeOf, OpKind } from '@decouple/ir';
import type { Tensor } from '@decouple/tensor';
import type { Storage } from './storage.ts';
import { literal, type Launch, type Target, type Writer } from './writer.ts';

export interface KernelPlan {
  /** For profiles. */
  readonly kernel: string;
  readonly launches: readonly Launch[];
}

/** The output is the input under another shape. */
export interface Alias {
  readonly alias: string;
}

/** A node left to the reference interpreter. */
export interface Delegation {
  readonly delegate: string;
}

export interface KernelContext {
  readonly target: Target;
  /** Where a value lies; `undefined` for those kept by the host. */
  storage(value: string): Storage | undefined;
  /** A value known when compiling. */
  constant(value: string): Tensor | undefined;
  /** A constant made up by the kernel, as a value to read. */
  define(tensor: Tensor<'float32'>): string;
  /** A value between the launches of one node; `undefined` when it is too large. */
  temporary(shape: readonly number[]): string | undefined;
  /** A writer for a kernel that makes a value. */
  writer(output: string): Writer;
}

export type Planned = KernelPlan | Alias | Delegation;
export type Kernel<K extends OpKind> = (node: NodeOf<K>, context: KernelContext) => Planned;
export type KernelEntry<K extends OpKind> =
  Kernel<K> | Delegation | { readonly unsupported: string };
export type KernelTable = { readonly [K in OpKind]: KernelEntry<K> };

/** For nodes with values that no kernel can hold. */
export const hosted: Delegation = {
  delegate: 'values are not float32, empty, or too large for a texture',
};

/** An activation applied to the expression of a number that is cheap to repeat. */
export function activate(activation: Activation, value: string): string {
  switch (activation?.kind) {
    case undefined:
      return value;
    case 'relu':
      return `Math.max(${value}, 0)`;
    case 'leaky-relu':
      return `(${value} >= 0 ? ${value} : ${literal(activation.alpha)} * ${value})`;
    case 'clip':
      return `Math.min(Math.max(${value}, ${literal(activation.min)}), ${literal(activation.max)})`;
  }
}
