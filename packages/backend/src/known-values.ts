/** Finds what every backend knows when compiling: constants, values computed from constants only, and shapes. */
import { interpretNode, staticShape, type Graph, type Node } from '@decouple/ir';
import { int64, UnsupportedError, type Tensor } from '@decouple/tensor';

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

/** Bytes of values computed when compiling; more would not fit beside the arena. */
const maxBytes = 2 ** 31;

/**
 * Values by name. Nodes whose outputs are all in it need not run.
 * @throws UnsupportedError when what the constants compute is too large.
 */
export function knownValues(graph: Graph): Map<string, Tensor> {
  const known = new Map(graph.constants);
  let bytes = 0;
  for (const node of graph.nodes)
    evaluate(graph, node, known)?.forEach((value, index) => {
      const name = node.outputs[index];
      if (name === undefined) return;
      bytes += value.data.byteLength;
      if (bytes > maxBytes)
        throw new UnsupportedError(
          `constants of '${graph.name}' compute more than ${maxBytes} bytes; the last is '${name}'`,
        );
      known.set(name, value);
    });
  return known;
}
