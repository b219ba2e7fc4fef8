/**
 * What an exporter of one op writes to: ONNX nodes and the small initializers they need. Nodes on the way between a
 * node's inputs and its result get names made from the node's, so the same graph gives the same bytes.
 */
import type { Graph, GraphInput, Node } from '@decouple/ir';
import { float32, int64, type Tensor } from '@decouple/tensor';
import {
  AttributeType,
  createAttribute,
  createNode,
  type AttributeProto,
  type NodeProto,
} from '../proto.ts';
import { originKey } from '../metadata.ts';

/** Values of attributes; numbers are integers unless said otherwise. `undefined` leaves the attribute out. */
export type AttributeValues = Readonly<
  Record<
    string,
    | { readonly float: number }
    | { readonly floats: readonly number[] }
    | number
    | readonly number[]
    | string
    | AttributeProto
    | undefined
  >
>;

export interface Written {
  readonly nodes: NodeProto[];
  readonly constants: Map<string, Tensor>;
}

export interface Writer {
  readonly opset: number;
  readonly graph: Graph;
  readonly node: Node;
  /** Writes the ONNX node that makes `output` (or several). `role` is given when it is not the node's last. */
  readonly write: (
    opType: string,
    inputs: readonly string[],
    output: string | readonly string[],
    attrs?: AttributeValues,
    role?: string,
  ) => void;
  /** A name for a value on the way, `<name>/<role>`. */
  readonly name: (role: string) => string;
  /** Writes a node on the way, named `<name>/<role>`, and returns its output. */
  readonly step: (
    role: string,
    opType: string,
    inputs: readonly string[],
    attrs?: AttributeValues,
  ) => string;
  /** A name for an output that nothing reads. */
  readonly fresh: (role: string) => string;
  /** Adds a node that is ready made, with its names. */
  readonly raw: (node: NodeProto) => void;
  /** A small constant named `<name>/<role>`. */
  readonly constant: (role: string, value: Tensor) => string;
  readonly integers: (role: string, values: readonly number[]) => string;
  readonly scalar: (role: string, value: number) => string;
}

/** What the writers of one graph share. */
export interface ExportContext {
  readonly graph: Graph;
  readonly opset: number;
  /** A name that nothing has yet, from a wanted one. */
  readonly fresh: (wanted: string) => string;
}

const isList = (value: AttributeValues[string]): value is readonly number[] => Array.isArray(value);

function attributeOf(name: string, value: AttributeValues[string]): AttributeProto[] {
  if (value === undefined) return [];
  if (typeof value === 'number')
    return [createAttribute({ name, type: AttributeType.INT, i: BigInt(value) })];
  if (isList(value))
    return [createAttribute({ name, type: AttributeType.INTS, ints: value.map(BigInt) })];
  if (typeof value === 'string')
    return [
      createAttribute({ name, type: AttributeType.STRING, s: new TextEncoder().encode(value) }),
    ];
  if ('$typeName' in value) return [value];
  if ('floats' in value)
    return [createAttribute({ name, type: AttributeType.FLOATS, floats: [...value.floats] })];
  return [createAttribute({ name, type: AttributeType.FLOAT, f: value.float })];
}

/** Gives out names that neither the graph nor an earlier call has. */
export function nameSource(graph: Graph): (wanted: string) => string {
  const taken = new Set([
    ...graph.constants.keys(),
    ...graph.inputs.map(({ name }: GraphInput) => name),
    ...graph.nodes.flatMap((node) => [node.name, ...node.outputs]),
  ]);
  return (wanted) => {
    let name = wanted;
    for (let count = 2; taken.has(name); count++) name = `${wanted}.${count}`;
    taken.add(name);
    return name;
  };
}

export function createWriter(context: ExportContext, node: Node, written: Written): Writer {
  const { graph, opset, fresh } = context;
  const named = (role: string): string => fresh(`${node.name}/${role}`);
  const write: Writer['write'] = (opType, inputs, output, attrs = {}, role = '') => {
    const attribute = Object.entries(attrs).flatMap(([name, value]) => attributeOf(name, value));
    const name = role ? `${node.name}/${role}` : node.name;
    const metadataProps = name === node.origin ? [] : [{ key: originKey, value: node.origin }];
    const input = [...inputs];
    while (input.at(-1) === '') input.pop();
    written.nodes.push(
      createNode({ opType, name, input, output: [output].flat(), attribute, metadataProps }),
    );
  };
  const constant = (role: string, value: Tensor): string => {
    const name = named(role);
    written.constants.set(name, value);
    return name;
  };
  return {
    opset,
    graph,
    node,
    write,
    name: named,
    step(role, opType, inputs, attrs) {
      const output = named(role);
      write(opType, inputs, output, attrs, role);
      return output;
    },
    fresh: named,
    raw: (proto) => void written.nodes.push(proto),
    constant,
    integers: (role, values) => constant(role, int64(values)),
    scalar: (role, value) => constant(role, float32([], [value])),
  };
}
