/** The state of one import: what is known of the values so far, the nodes so far, and names that are free. */
import {
  foldingAllowance,
  typeOfTensor,
  type Dim,
  type GraphInput,
  type Node,
  type ValueType,
} from '@decouple/ir';
import { numbersOf, type Tensor } from '@decouple/tensor';
import type { GraphProto, NodeProto } from '../proto.ts';
import type { Knowledge } from './call.ts';
import { mayHoldSizes } from './contents.ts';
import { declaredTypes, initializersOf, inputsOf } from './header.ts';
import type { Report } from './problems.ts';

export interface ImportState extends Knowledge {
  readonly proto: GraphProto;
  readonly opsets: ReadonlyMap<string, number>;
  readonly inputs: readonly GraphInput[];
  readonly types: Map<string, ValueType>;
  readonly declared: ReadonlyMap<string, ValueType>;
  readonly constants: Map<string, Tensor>;
  readonly contents: Map<string, readonly Dim[]>;
  readonly defined: Set<string>;
  /** Values that a node reads or the graph gives. */
  readonly read: ReadonlySet<string>;
  readonly nodes: Node[];
  readonly report: Report;
  /** Why nodes are opaque, by node name. */
  readonly refusals: Map<string, string>;
}

/**
 * The wanted name, or one with a number behind it when it is taken. It is taken then.
 * @param taken names with the last number tried behind each.
 */
function freeName(taken: Map<string, number>, wanted: string): string {
  let count = taken.get(wanted) ?? 0;
  let name = wanted;
  if (count)
    do name = `${wanted}.${++count}`;
    while (taken.has(name));
  taken.set(wanted, Math.max(count, 1));
  taken.set(name, taken.get(name) ?? 1);
  return name;
}

/** What an import starts from. */
export interface ImportStart {
  readonly proto: GraphProto;
  readonly opsets: ReadonlyMap<string, number>;
  /** Values of inputs that become constants. */
  readonly fixed: Readonly<Record<string, Tensor>>;
  /** Elements that folding may make. */
  readonly folding: number | undefined;
  /** Whether weights may stay in the file's bytes. */
  readonly bytesAreOurs: boolean;
  readonly report: Report;
}

/** Reports inputs and initializers that are malformed. */
export function createState(start: ImportStart): ImportState {
  const { proto, opsets, fixed, bytesAreOurs, report } = start;
  const inputs = inputsOf(proto, report).filter(({ name }) => !Object.hasOwn(fixed, name));
  const initializers = initializersOf(proto, report, bytesAreOurs);
  const constants = new Map([...initializers, ...Object.entries(fixed)]);
  const types = new Map(inputs.map(({ name, type }) => [name, type]));
  for (const [name, value] of constants) types.set(name, typeOfTensor(value));
  const contents = new Map<string, readonly Dim[]>();
  let foldingLeft = start.folding ?? foldingAllowance(constants.values());
  const names = [...types.keys(), ...proto.node.flatMap((node) => [node.name, ...node.output])];
  const taken = new Map(names.map((name) => [name, 1]));
  return {
    proto,
    opsets,
    inputs,
    types,
    declared: declaredTypes(proto),
    constants,
    contents,
    defined: new Set(types.keys()),
    read: new Set([
      ...proto.node.flatMap((node) => node.input),
      ...proto.output.map(({ name }) => name),
    ]),
    nodes: [],
    report,
    refusals: new Map(),
    symbols: new Set(
      inputs.flatMap(({ type }) => type.shape.filter((dim) => typeof dim === 'string')),
    ),
    typeOf: (value) => types.get(value),
    constantOf: (value) => constants.get(value),
    contentsOf(value) {
      const constant = constants.get(value);
      if (!constant) return contents.get(value);
      return mayHoldSizes(constant) ? numbersOf(constant) : undefined;
    },
    mayFold(work) {
      if (work > foldingLeft) return false;
      foldingLeft -= work;
      return true;
    },
    fresh: (wanted) => freeName(taken, wanted),
  };
}

/** Names of nodes: their own if no other has it, else that of their first output. */
export function nodeNames(proto: GraphProto): string[] {
  const counts = new Map<string, number>();
  for (const { name } of proto.node) counts.set(name, (counts.get(name) ?? 0) + 1);
  const isOwn = ({ name }: NodeProto): boolean => name !== '' && counts.get(name) === 1;
  // An output's name may be another node's: values and nodes have separate names in ONNX.
  const used = new Map(proto.node.filter(isOwn).map(({ name }) => [name, 1]));
  return proto.node.map((node, index) =>
    isOwn(node)
      ? node.name
      : freeName(used, node.output.find(Boolean) ?? `${node.opType}.${index}`),
  );
}
