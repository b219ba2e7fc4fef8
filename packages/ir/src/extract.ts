/** Parts of a network as networks: what must run to get some values from others. */
import { ModelError } from '@decouple/tensor';
import { createGraph, typeOf, usesOf, type Graph } from './graph.ts';
import type { Node } from './node.ts';

/**
 * The smallest graph that computes `outputs`, with the values `from` as inputs where they are needed.
 * @throws ModelError when an output is not a value of the graph or the type of a new input is unknown.
 */
export function extractGraph(
  graph: Graph,
  outputs: readonly string[],
  from: Iterable<string> = [],
): Graph {
  const cut = new Set(from);
  const { producer } = usesOf(graph);
  const needed = new Set<Node>();
  const inputs = new Set<string>();
  const stack = [...outputs];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (value === '' || graph.constants.has(value)) continue;
    const node = cut.has(value) ? undefined : producer.get(value);
    if (!node) {
      if (!cut.has(value) && !graph.inputs.some((input) => input.name === value))
        throw new ModelError(`graph '${graph.name}' has no value '${value}'`);
      inputs.add(value);
    } else if (!needed.has(node)) {
      needed.add(node);
      stack.push(...node.inputs);
    }
  }
  const nodes = graph.nodes.filter((node) => needed.has(node));
  const used = new Set([...nodes.flatMap((node) => node.inputs), ...outputs]);
  return createGraph({
    ...graph,
    inputs: [...inputs].sort().map((name) => ({ name, type: typeOf(graph, name) })),
    outputs,
    nodes,
    constants: new Map([...graph.constants].filter(([name]) => used.has(name))),
  });
}
