/** What the passes here share: convolutions and linear layers with constant weights, and names for new nodes. */
import {
  constantInput,
  createGraph,
  isOp,
  soleConsumerOf,
  typeOf,
  usesOf,
  type CostModel,
  type Graph,
  type Node,
  type NodeOf,
  type ValueType,
} from '@decouple/ir';
import { float32, isFloat32, type Tensor } from '@decouple/tensor';

export type Conv = NodeOf<'conv2d'> & Node;
export type Layer = Conv | (NodeOf<'linear'> & Node);

export const isConv = (node: Node | undefined): node is Conv => isOp(node, 'conv2d');

export const isLayer = (node: Node | undefined): node is Layer =>
  isOp(node, 'conv2d') || isOp(node, 'linear');

export interface Weights {
  /** [outChannels, …] */
  readonly weight: Tensor<'float32'>;
  readonly bias: Tensor<'float32'> | undefined;
}

/** Weight and bias, or `undefined` when one is computed by the network or not float32. */
export function weightsOf(graph: Graph, layer: Layer): Weights | undefined {
  const weight = constantInput(graph, layer, 1);
  const bias = constantInput(graph, layer, 2);
  if (!weight || !isFloat32(weight) || (layer.inputs[2] && !bias)) return undefined;
  if (bias && !isFloat32(bias)) return undefined;
  return { weight, bias };
}

export const inputOf = (node: Node): string => node.inputs[0] as string;
export const outputOf = (node: Node): string => node.outputs[0] as string;
export const residualOf = (layer: Layer): string | undefined => layer.inputs[3] || undefined;

/** Whether the layer gives its linear result as it is: no activation, no residual. */
export const isPlain = (layer: Layer): boolean => !layer.attrs.activation && !residualOf(layer);

/** Whether `reader` alone reads the node's result, and no output of the network is. */
export const feedsOnly = (graph: Graph, node: Node, reader: Node): boolean =>
  soleConsumerOf(graph, outputOf(node)) === reader;

/** Inputs of a layer; absent ones at the end are left out. */
export function layerInputs(x: string, weight: string, bias?: string, residual?: string): string[] {
  if (residual) return [x, weight, bias ?? '', residual];
  return bias ? [x, weight, bias] : [x, weight];
}

/** `base`, or `base.2`, `base.3`, … when a node or value has that name. */
export function freshName(graph: Graph, base: string): string {
  const taken = (name: string): boolean =>
    graph.constants.has(name) ||
    usesOf(graph).producer.has(name) ||
    graph.nodes.some((node) => node.name === name) ||
    graph.inputs.some((input) => input.name === name);
  let name = base;
  for (let number = 2; taken(name); number++) name = `${base}.${number}`;
  return name;
}

/** A layer's new constants, rounded from float64 once, under fresh names. */
export interface NewWeights {
  readonly constants: readonly (readonly [string, Tensor])[];
  readonly weight: string;
  readonly bias: string | undefined;
}

export function nameWeights(
  graph: Graph,
  layer: string,
  weight: { readonly shape: readonly number[]; readonly data: Float64Array },
  bias: Float64Array | undefined,
): NewWeights {
  const weightName = freshName(graph, `${layer}/weight`);
  const biasName = bias && freshName(graph, `${layer}/bias`);
  const constants: (readonly [string, Tensor])[] = [
    [weightName, float32(weight.shape, new Float32Array(weight.data))],
  ];
  if (bias && biasName) constants.push([biasName, float32([bias.length], new Float32Array(bias))]);
  return { constants, weight: weightName, bias: biasName };
}

/** Whether values are numbers as float32, too. */
export const areFinite = (values: ArrayLike<number>): boolean => {
  for (let index = 0; index < values.length; index++)
    if (!Number.isFinite(Math.fround(values[index] as number))) return false;
  return true;
};

/**
 * A few nodes of a graph as a graph of their own, to ask a cost model about them without rebuilding the network.
 * @param nodes in topological order; the last one's output is the output.
 * @param more types of constants that don't exist yet.
 */
export function smallGraph(
  graph: Graph,
  nodes: readonly Node[],
  more: readonly (readonly [string, ValueType])[] = [],
): Graph {
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const read = new Set(nodes.flatMap((node) => node.inputs).filter((name) => name !== ''));
  const types = new Map(more);
  const inputs = [...read]
    .filter((name) => !made.has(name) && !graph.constants.has(name))
    .map((name) => ({ name, type: types.get(name) ?? typeOf(graph, name) }));
  const constants = new Map([...graph.constants].filter(([name]) => read.has(name)));
  const outputs = (nodes.at(-1) as Node).outputs;
  return createGraph({ name: graph.name, inputs, outputs, nodes, constants });
}

export const costOfNodes = (graph: Graph, cost: CostModel): number =>
  graph.nodes.reduce((sum, node) => sum + cost.cost(graph, node), 0);
