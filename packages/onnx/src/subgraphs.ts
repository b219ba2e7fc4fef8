/**
 * Graphs inside nodes (If, Loop, Scan). They are kept as they are, but they read values of the graph around them by
 * name: opaque nodes take those as further inputs, so that passes see the uses and may rename the values.
 */
import type { GraphProto, NodeProto } from './proto.ts';

const subgraphsOf = (node: NodeProto): GraphProto[] =>
  node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs));

export const hasSubgraphs = (node: NodeProto): boolean =>
  node.attribute.some(({ g, graphs }) => g !== undefined || graphs.length > 0);

function readByGraph(graph: GraphProto): string[] {
  const own = new Set([
    ...[...graph.input, ...graph.initializer].map(({ name }) => name),
    ...graph.node.flatMap((node) => node.output),
  ]);
  const read = [
    ...graph.node.flatMap((node) => [...node.input, ...capturedBy(node)]),
    ...graph.output.map(({ name }) => name),
  ];
  return read.filter((name) => name !== '' && !own.has(name));
}

/** Values that the subgraphs of a node read from around it. */
export const capturedBy = (node: NodeProto): string[] => [
  ...new Set(subgraphsOf(node).flatMap(readByGraph)),
];

/** Changes names of values that the subgraphs of a node read from around it. ONNX forbids to reuse them inside. */
export function renameCaptured(node: NodeProto, names: ReadonlyMap<string, string>): void {
  const renamed = (name: string): string => names.get(name) ?? name;
  for (const graph of subgraphsOf(node)) {
    for (const inner of graph.node) {
      inner.input = inner.input.map(renamed);
      renameCaptured(inner, names);
    }
    for (const output of graph.output) output.name = renamed(output.name);
  }
}
