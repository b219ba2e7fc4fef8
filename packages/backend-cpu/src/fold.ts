/** Finds what is known when compiling: constants, values computed from constants only, and shapes. */
import { interpretNode, staticShape, type Graph, type Node } from '@decouple/ir';
import { int64, type Tensor } from '@decouple/tensor';

function evaluate(
  graph: Graph,
  node: Node,
  known: ReadonlyMap<string, Tensor>,
): Tensor[] | undefined {
  if (node.op === 'shape') {
    const type = graph.types.get(node.inputs[0] ?? '');
    const shape = type && staticShape(type);
    return shape && [int64(shape)];
  }
  if (node.op === 'opaque' || !node.inputs.every((input) => input === '' || known.has(input)))
    return undefined;
  return interpretNode(
    node,
    node.inputs.map((input) => known.get(input)),
  );
}

/** Values by name. Nodes whose outputs are all in it need not run. */
export function knownValues(graph: Graph): Map<string, Tensor> {
  const known = new Map(graph.constants);
  for (const node of graph.nodes)
    evaluate(graph, node, known)?.forEach((value, index) => {
      const name = node.outputs[index];
      if (name !== undefined) known.set(name, value);
    });
  return known;
}
