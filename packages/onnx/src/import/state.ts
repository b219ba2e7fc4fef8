/** The state of one import: what is known of the values so far, the nodes so far, and names that are free. */
import { typeOfTensor, type Dim, type GraphInput, type Node, type ValueType } from '@decouple/ir';
import { numbersOf, type Tensor } from '@decouple/tensor';
import type { GraphProto } from '../proto.ts';
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
  foldedElements: number;
}

/** What an import starts from. */
export interface ImportStart {
  readonly proto: GraphProto;
  readonly opsets: ReadonlyMap<string, number>;
  /** Values of inputs that become constants. */
  readonly fixed: Readonly<Record<string, Tensor>>;
  readonly report: Report;
}

/** Reports inputs and initializers that are malformed. */
export function createState({ proto, opsets, fixed, report }: ImportStart): ImportState {
  const inputs = inputsOf(proto, report).filter(({ name }) => !(name in fixed));
  const constants = new Map([...initializersOf(proto, report), ...Object.entries(fixed)]);
  const types = new Map(inputs.map(({ name, type }) => [name, type]));
  for (const [name, value] of constants) types.set(name, typeOfTensor(value));
  const contents = new Map<string, readonly Dim[]>();
  const taken = new Set([
    ...types.keys(),
    ...proto.node.flatMap((node) => [node.name, ...node.output]),
  ]);
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
    foldedElements: 0,
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
    fresh(wanted) {
      let name = wanted;
      for (let count = 2; taken.has(name); count++) name = `${wanted}.${count}`;
      taken.add(name);
      return name;
    },
  };
}

/** Names of nodes: their own if no other has it, else that of their first output. */
export function nodeNames(proto: GraphProto): string[] {
  const counts = new Map<string, number>();
  for (const { name } of proto.node) counts.set(name, (counts.get(name) ?? 0) + 1);
  const used = new Set<string>();
  return proto.node.map((node, index) => {
    const own = node.name !== '' && counts.get(node.name) === 1;
    let name = own ? node.name : (node.output.find(Boolean) ?? `${node.opType}.${index}`);
    // An output's name may be another node's: values and nodes have separate names in ONNX.
    while (used.has(name) || (!own && counts.get(name) === 1)) name += '.node';
    used.add(name);
    return name;
  });
}
