/**
 * A network as an immutable value: inputs, outputs, nodes in topological order, constants as shared read-only
 * tensors. Edits are patches (patch.ts) that give a new graph; weights are never copied.
 */
import { ModelError, messageOf, type Tensor } from '@decouple/tensor';
import { typeProblem } from './limits.ts';
import { recordOf, type Node } from './node.ts';
import { typeOfTensor, type ValueType } from './types.ts';

export interface GraphInput {
  readonly name: string;
  readonly type: ValueType;
}

/** What a graph is made from; types are inferred. */
export interface GraphParts {
  readonly name: string;
  readonly inputs: readonly GraphInput[];
  /** Names of output values. */
  readonly outputs: readonly string[];
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Tensor>;
  /** Free text that travels with the model: producer, history. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface Graph extends Required<GraphParts> {
  /** Types of all values; values behind an opaque op with unknown outputs are absent. */
  readonly types: ReadonlyMap<string, ValueType>;
}

/** A violation found in a graph. */
export interface Problem {
  /** Name of the node, input, output or constant. */
  readonly node: string;
  readonly op: string;
  readonly message: string;
}

export interface Inference {
  readonly types: Map<string, ValueType>;
  readonly problems: Problem[];
}

/**
 * Types of a node's outputs from those of its inputs; `null` for an output, or `undefined` for all, when they are
 * unknown, as behind an opaque op.
 * @throws ModelError when the inputs don't fit the op.
 */
export function inferNode(
  node: Node,
  typeOf: (value: string) => ValueType | undefined,
): (ValueType | null)[] | undefined {
  const types: (ValueType | undefined)[] = [];
  for (const input of node.inputs) {
    const type = input === '' ? undefined : typeOf(input);
    if (input !== '' && !type && node.op !== 'opaque') return undefined;
    types.push(type);
  }
  return recordOf(node.op).infer(types, node.attrs);
}

/** What is wrong with the number of a node's inputs. */
function arityProblems(node: Node): string[] {
  const specs = recordOf(node.op).inputs;
  const variadic = specs[specs.length - 1]?.variadic === true;
  if (!variadic && node.inputs.length > specs.length)
    return [`takes at most ${specs.length} inputs, got ${node.inputs.length}`];
  return specs.flatMap((spec, index) =>
    !spec.optional && !node.inputs[index] ? [`input '${spec.name}' is missing`] : [],
  );
}

/**
 * Checks names, order and arity, and infers every type. Lists all problems; never throws.
 * The types of nodes named in `malformed` are not asked for.
 */
export function inferGraph(
  parts: GraphParts,
  malformed: ReadonlySet<string> = new Set(),
): Inference {
  const types = new Map<string, ValueType>();
  const defined = new Set<string>();
  const names = new Set<string>();
  const problems: Problem[] = [];
  const report = (node: string, op: string, message: string): void =>
    void problems.push({ node, op, message });
  const define = (value: string, node: string, op: string): void => {
    if (value === '') report(node, op, 'a value has an empty name');
    else if (defined.has(value)) report(node, op, `value '${value}' is defined twice`);
    defined.add(value);
  };
  const declare = (name: string, kind: string, type: ValueType): void => {
    types.set(name, type);
    const problem = typeProblem(type);
    if (problem !== undefined) report(name, kind, problem);
  };
  for (const [name, value] of parts.constants) {
    define(name, name, 'constant');
    declare(name, 'constant', typeOfTensor(value));
  }
  for (const input of parts.inputs) {
    define(input.name, input.name, 'input');
    declare(input.name, 'input', input.type);
  }
  for (const node of parts.nodes) {
    if (names.has(node.name)) report(node.name, node.op, 'two nodes have this name');
    names.add(node.name);
    const missing = node.inputs.filter((input) => input !== '' && !defined.has(input));
    for (const input of missing)
      report(node.name, node.op, `input '${input}' is not defined before its use`);
    for (const output of node.outputs) define(output, node.name, node.op);
    const arity = arityProblems(node);
    for (const message of arity) report(node.name, node.op, message);
    if (missing.length || arity.length || malformed.has(node.name)) continue;
    try {
      const inferred = inferNode(node, (value) => types.get(value));
      inferred?.forEach((type, index) => {
        const output = node.outputs[index];
        if (output === undefined || !type) return;
        const problem = typeProblem(type);
        if (problem === undefined) types.set(output, type);
        else report(node.name, node.op, `value '${output}' ${problem}`);
      });
      if (inferred && node.outputs.length > inferred.length)
        report(
          node.name,
          node.op,
          `has ${node.outputs.length} outputs, its op gives ${inferred.length}`,
        );
    } catch (error) {
      report(node.name, node.op, messageOf(error));
    }
  }
  for (const output of parts.outputs)
    if (!defined.has(output)) report(output, 'output', 'no node defines this output');
  const listed = new Set<string>();
  for (const output of parts.outputs) {
    if (listed.has(output)) report(output, 'output', 'is listed twice');
    listed.add(output);
  }
  return { types, problems };
}

export const formatProblem = ({ node, op, message }: Problem): string =>
  `${op} '${node}': ${message}`;

/**
 * Makes a graph.
 * @throws ModelError naming the nodes when names clash, an input is undefined, or shapes don't fit.
 */
export function createGraph(parts: GraphParts): Graph {
  const { types, problems } = inferGraph(parts);
  if (problems.length) {
    const shown = problems.slice(0, 5).map(formatProblem).join('; ');
    const more = problems.length > 5 ? ` … and ${problems.length - 5} more` : '';
    throw new ModelError(`graph '${parts.name}': ${shown}${more}`);
  }
  return { metadata: {}, ...parts, types };
}

/**
 * The type of a value.
 * @throws ModelError when it is unknown (behind an opaque op).
 */
export function typeOf(graph: Graph, value: string): ValueType {
  const type = graph.types.get(value);
  if (!type) throw new ModelError(`the type of value '${value}' is unknown`);
  return type;
}

/** Who makes and who reads each value. */
export interface Uses {
  readonly producer: ReadonlyMap<string, Node>;
  readonly consumers: ReadonlyMap<string, readonly Node[]>;
  readonly outputs: ReadonlySet<string>;
}

const usesOfGraph = new WeakMap<Graph, Uses>();

/** Producers and consumers of all values; computed once per graph. A node that reads a value twice is listed once. */
export function usesOf(graph: Graph): Uses {
  const known = usesOfGraph.get(graph);
  if (known) return known;
  const producer = new Map<string, Node>();
  const consumers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) producer.set(output, node);
    for (const input of new Set(node.inputs)) {
      if (input === '') continue;
      const list = consumers.get(input);
      if (list) list.push(node);
      else consumers.set(input, [node]);
    }
  }
  const uses: Uses = { producer, consumers, outputs: new Set(graph.outputs) };
  usesOfGraph.set(graph, uses);
  return uses;
}

/** Nodes that read `value`. */
export const consumersOf = (graph: Graph, value: string): readonly Node[] =>
  usesOf(graph).consumers.get(value) ?? [];

/** The node that makes `value`, or `undefined` for inputs and constants. */
export const producerOf = (graph: Graph, value: string): Node | undefined =>
  usesOf(graph).producer.get(value);

/** The only node that reads `value`, unless the value is also an output of the graph. */
export function soleConsumerOf(graph: Graph, value: string): Node | undefined {
  const consumers = consumersOf(graph, value);
  return consumers.length === 1 && !usesOf(graph).outputs.has(value) ? consumers[0] : undefined;
}

/** The constant behind a node's input, or `undefined` when it is absent or computed. */
export function constantInput(graph: Graph, node: Node, index: number): Tensor | undefined {
  const name = node.inputs[index];
  return name ? graph.constants.get(name) : undefined;
}
