/**
 * The contract of a backend. A backend is a value, one package; nothing else changes when one is added.
 */
import type { Tensor } from '@decouple/tensor';
import type { Graph, Node } from '@decouple/ir';

export type Tensors = Readonly<Record<string, Tensor>>;

export interface CompileOptions {
  /** Sizes for symbolic dimensions, e.g. `{ N: 8 }`. Unnamed symbols are bound to 1. */
  readonly bind?: Readonly<Record<string, number>>;
  readonly threads?: number;
}

/** Time of one node (or fused region) of the compiled network. */
export interface NodeTime {
  /** Names of the graph's nodes that run as one. */
  readonly nodes: readonly string[];
  /** The kernel that runs them. */
  readonly kernel: string;
  readonly medianMs: number;
  /** The tenth percentile: what a quiet machine would give. */
  readonly fastMs: number;
}

/** What is in use, and why not more. */
export interface ExecutableInfo {
  readonly backend: string;
  readonly simd: boolean;
  readonly threads: number;
  /** Bytes of the arena for activations, of packed weights, of generated code. */
  readonly arenaBytes: number;
  readonly weightBytes: number;
  readonly codeBytes: number;
  /** Nodes run by another backend, and why. */
  readonly delegated: readonly {
    readonly node: string;
    readonly to: string;
    readonly reason: string;
  }[];
  readonly notes: readonly string[];
}

/** A network compiled for fixed shapes. */
export interface Executable {
  /**
   * Runs once. Inputs and outputs by name; the returned tensors belong to the caller.
   * @throws ModelError when inputs are missing or of another shape than compiled for.
   */
  run(inputs: Tensors): Promise<Record<string, Tensor>>;
  /** Median time of each node over `runs` runs. */
  profile(inputs: Tensors, runs: number): Promise<readonly NodeTime[]>;
  info(): ExecutableInfo;
  /** Frees everything; running afterwards throws InvariantError. */
  dispose(): void;
}

export interface Backend {
  readonly name: string;
  /** Text of the pipeline that brings a graph into the form this backend likes; run by the facade before compile. */
  readonly legalize: string;
  /** Asked before anything runs: never discovered by a crash. */
  supports(graph: Graph, node: Node): true | { readonly unsupported: string };
  /** @throws UnsupportedError naming the nodes that can't be run. */
  compile(graph: Graph, options?: CompileOptions): Promise<Executable>;
}
