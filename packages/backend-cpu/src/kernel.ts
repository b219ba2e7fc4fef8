/**
 * What a kernel is: a function from a node to calls of generated functions. Kernels are planned before addresses
 * are known, so a call's arguments are symbolic; functions take addresses as parameters and have everything else
 * (sizes, strides, activation) built in. Equal functions are emitted once.
 */
import type { NodeOf, OpKind } from '@decouple/ir';
import type { Tensor } from '@decouple/tensor';
import type { FunctionBuilder, Local, ValueType } from '@decouple/wasm';
import type { ConvKernel } from './kernels/conv-candidates.ts';
import type { Address, View } from './layout.ts';
import type { Packing } from './packing.ts';

export type Emitter = FunctionBuilder<readonly ValueType[]>;
export type Pointer = Local<'i32'>;
export type Vector = Local<'v128'>;

/** A call of an emitted function. Arguments are addresses or plain numbers; null is the address 0, for what is absent. */
export interface Call {
  readonly function: string;
  readonly args: readonly (Address | number | null)[];
  /** Units of work, first and end, given as two more arguments; parts of the range may run apart in any order. */
  readonly range?: readonly [number, number];
}

/** How a node runs: the kernel's name for profiles, and its calls in order. */
export interface KernelPlan {
  readonly kernel: string;
  readonly calls: readonly Call[];
}

/** A node left to the reference interpreter. */
export interface Delegation {
  readonly delegate: string;
}

export interface KernelContext {
  /** Whether fused multiply-add is available. */
  readonly fma: boolean;
  /** The kernel chosen for a convolution. */
  choice(node: string): ConvKernel | undefined;
  /** A value or a float32 constant as an operand; `undefined` for values kept by the host. */
  view(value: string): View | undefined;
  /** A value known when compiling. */
  constant(value: string): Tensor | undefined;
  /** The function of this name and parameters, emitted by `emit` when it is new. */
  function(
    kind: string,
    parameters: unknown,
    arity: number,
    emit: (f: Emitter, args: Pointer[]) => void,
  ): string;
  /** Place for packed weights, filled once the memory exists; zeros without a packing. */
  weights(floats: number, packing: Packing | undefined): Address;
  /** A table of whole numbers next to the weights. */
  table(values: readonly number[]): Address;
  /** Memory that only this node uses. */
  scratch(floats: number): Address;
}

export type Kernel<K extends OpKind> = (
  node: NodeOf<K>,
  context: KernelContext,
) => KernelPlan | Delegation;

/** An entry says how an op is run: generated code, the interpreter (`delegate`: why), or not at all. */
export type KernelEntry<K extends OpKind> =
  Kernel<K> | Delegation | { readonly unsupported: string };
export type KernelTable = { readonly [K in OpKind]: KernelEntry<K> };
