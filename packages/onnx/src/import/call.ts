/**
 * What an importer of one ONNX op sees: a `Call`. It reads attributes and what is known of the inputs, and adds the
 * nodes that mean the same; or it returns a reason why it can't, and the node stays opaque. Folding of constants and
 * shape inference happen afterwards, node by node, and are no concern of importers.
 */
import {
  makeNode,
  recordOf,
  type AttrsInput,
  type Dim,
  type Node,
  type OpKind,
  type ValueType,
} from '@decouple/ir';
import { UnsupportedError, type Tensor } from '@decouple/tensor';
import type { Attributes } from './attributes.ts';

/** Why a node stays opaque; nothing when it was imported. */
export type Refusal = string | undefined | void;
export type Importer = (call: Call) => Refusal;

/** What the graph so far knows of values. */
export interface Knowledge {
  readonly typeOf: (value: string) => ValueType | undefined;
  readonly constantOf: (value: string) => Tensor | undefined;
  /** The elements of a value that computes sizes, where they are known up to symbols. */
  readonly contentsOf: (value: string) => readonly Dim[] | undefined;
  /** Symbols of the graph's inputs: those that are bound when it runs. */
  readonly symbols: ReadonlySet<string>;
  /** Whether folding may do this much more work, as `foldingWork` counts it; it is counted as done then. */
  readonly mayFold: (work: number) => boolean;
  /** A name that nothing has yet, from a wanted one. */
  readonly fresh: (wanted: string) => string;
}

export interface Call {
  readonly opType: string;
  /** Version of the operator set the node was written for. */
  readonly opset: number;
  readonly name: string;
  /** The layer of the first imported model that it came from. */
  readonly origin: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: Attributes;
  /** Whether optional input `index` is present. */
  has(index: number): boolean;
  typeOf(index: number): ValueType | undefined;
  constant(index: number): Tensor | undefined;
  contents(index: number): readonly Dim[] | undefined;
  readonly symbols: ReadonlySet<string>;
  mayFold(work: number): boolean;
  /**
   * Adds the node that makes the call's output `place`.
   * @throws UnsupportedError when the attributes are outside what the op allows: the node stays opaque.
   */
  result<K extends OpKind>(
    op: K,
    inputs: readonly string[],
    attrs: AttrsInput<K>,
    place?: number,
  ): void;
  /** Adds a node on the way and returns its output; it is named `<name>/<role>`. */
  step<K extends OpKind>(
    role: string,
    op: K,
    inputs: readonly string[],
    attrs: AttrsInput<K>,
  ): string;
  /** Adds a constant named `<name>/<role>`. */
  define(role: string, value: Tensor): string;
}

export interface Collected {
  readonly nodes: Node[];
  readonly constants: [string, Tensor][];
}

/** The call for one ONNX node, and the lists it fills. */
export function createCall(
  base: Pick<Call, 'opType' | 'opset' | 'name' | 'origin' | 'inputs' | 'outputs' | 'attrs'>,
  known: Knowledge,
): { call: Call; collected: Collected } {
  const collected: Collected = { nodes: [], constants: [] };
  const input = (index: number): string => base.inputs[index] ?? '';
  const add = <K extends OpKind>(
    op: K,
    name: string,
    inputs: readonly string[],
    attrs: AttrsInput<K>,
    output = name,
  ): void => {
    const parsed = recordOf(op).attrs.safeParse(attrs);
    if (!parsed.success)
      throw new UnsupportedError(
        parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
      );
    collected.nodes.push(
      makeNode(op, name, inputs, attrs, { outputs: [output], origin: base.origin }),
    );
  };
  const call: Call = {
    ...base,
    symbols: known.symbols,
    mayFold: known.mayFold,
    has: (index) => input(index) !== '',
    typeOf: (index) => known.typeOf(input(index)),
    constant: (index) => known.constantOf(input(index)),
    contents: (index) => known.contentsOf(input(index)),
    result(op, inputs, attrs, place = 0) {
      const name = place === 0 ? base.name : known.fresh(`${base.name}/${place}`);
      add(op, name, inputs, attrs, base.outputs[place] as string);
    },
    step(role, op, inputs, attrs) {
      const name = known.fresh(`${base.name}/${role}`);
      add(op, name, inputs, attrs);
      return name;
    },
    define(role, value) {
      const name = known.fresh(`${base.name}/${role}`);
      collected.constants.push([name, value]);
      return name;
    },
  };
  return { call, collected };
}

/** Whole numbers of an input that must be constant, e.g. axes; `undefined` when absent or computed. */
export function integersOf(call: Call, index: number): number[] | undefined {
  const contents = call.contents(index);
  return contents?.every((dim) => typeof dim === 'number') ? [...contents] : undefined;
}

/**
 * A list given as an attribute before `since` and as an input from then on.
 * @returns the list, `undefined` when absent, or a refusal when it is computed at run time.
 */
export function integersAt(
  call: Call,
  name: string,
  index: number,
  since: number,
): { list: number[] | undefined } | { refusal: string } {
  if (call.opset < since) return { list: call.attrs.integers(name) };
  if (!call.has(index)) return { list: undefined };
  const list = integersOf(call, index);
  return list ? { list } : { refusal: `${name} are computed at run time` };
}
