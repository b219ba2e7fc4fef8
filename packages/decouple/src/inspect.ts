/** What is in a network: layers with their costs and shapes, and what is unknown or can't be run. */
import {
  costOf,
  totalCost,
  verify,
  type Graph,
  type GraphInput,
  type Node,
  type ValueType,
} from '@decouple/ir';

export interface LayerInfo {
  readonly name: string;
  /** Op kind; for an opaque op the type that the file gives. */
  readonly op: string;
  readonly macs: number;
  readonly params: number;
  /** Shape of the first output; symbols as text. `null` when it is unknown. */
  readonly outputShape: readonly (number | string)[] | null;
}

/** Something that passes leave alone or backends can't run. */
export interface InspectProblem {
  readonly node: string;
  readonly op: string;
  readonly message: string;
}

export interface Inspection {
  readonly name: string;
  readonly inputs: readonly GraphInput[];
  readonly outputs: readonly { readonly name: string; readonly type: ValueType | null }[];
  /** Of the whole network per sample: symbolic dimensions count as 1. */
  readonly macs: number;
  readonly params: number;
  readonly layers: readonly LayerInfo[];
  readonly problems: readonly InspectProblem[];
}

function layerOf(graph: Graph, node: Node): LayerInfo {
  const { macs, params } = costOf(graph, node);
  const op = node.op === 'opaque' ? node.attrs.opType : node.op;
  const outputShape = graph.types.get(node.outputs[0] ?? '')?.shape ?? null;
  return { name: node.name, op, macs, params, outputShape };
}

function problemsOf(graph: Graph): InspectProblem[] {
  const opaque = graph.nodes.flatMap((node) =>
    node.op === 'opaque'
      ? [
          {
            node: node.name,
            op: node.attrs.opType,
            message: 'not known: kept as it is, passes leave it alone, backends here do not run it',
          },
        ]
      : [],
  );
  return [...verify(graph), ...opaque];
}

/** Costs, shapes and problems of a network. Bind its shapes first (`bindShapes`) to count other sizes than 1. */
export function inspect(graph: Graph): Inspection {
  const { macs, params } = totalCost(graph);
  return {
    name: graph.name,
    inputs: graph.inputs,
    outputs: graph.outputs.map((name) => ({ name, type: graph.types.get(name) ?? null })),
    macs,
    params,
    layers: graph.nodes.map((node) => layerOf(graph, node)),
    problems: problemsOf(graph),
  };
}
