/** Choices of channels one after the other become one; those that choose all channels in order go. */
import {
  applyPatch,
  makeNode,
  producerOf,
  usesOf,
  type Graph,
  type Node,
  type Patch,
} from '@decouple/ir';
import { int64 } from '@decouple/tensor';
import { picksOf } from './ties.ts';

/** A gather of a gather reads the first one's input. */
function composed(graph: Graph, node: Node): Patch | undefined {
  const picks = picksOf(graph, node);
  const inner = producerOf(graph, node.inputs[0] as string);
  const first = inner && picksOf(graph, inner);
  if (!picks || !inner || !first) return undefined;
  const indices = `${node.name}/composed`;
  const inputs = [inner.inputs[0] as string, indices];
  const more = { outputs: node.outputs, origin: node.origin };
  return {
    remove: [node.name],
    add: [makeNode('gather', node.name, inputs, { axis: 1 }, more)],
    constants: [[indices, int64(picks.map((pick) => first[pick] as number))]],
  };
}

/** Whoever reads a gather of all channels in order reads its input. */
function dropped(graph: Graph, node: Node): Patch | undefined {
  const picks = picksOf(graph, node);
  const [from, to] = [node.outputs[0] as string, node.inputs[0] as string];
  const count = graph.types.get(to)?.shape[1];
  if (picks?.length !== count || !picks?.every((pick, place) => pick === place)) return undefined;
  const { outputs } = usesOf(graph);
  // An output must keep its name, and can't take that of an input or of another output.
  if (outputs.has(from) && (!producerOf(graph, to) || outputs.has(to))) return undefined;
  return { remove: [node.name], redirect: [[from, to]] };
}

/** Merges and drops choices of channels until there is nothing more to do. */
export function simplifyGathers(graph: Graph): { graph: Graph; removed: number } {
  const count = (of: Graph): number => of.nodes.filter((node) => picksOf(of, node)).length;
  let current = graph;
  for (;;) {
    const patch = current.nodes
      .map((node) => composed(current, node) ?? dropped(current, node))
      .find((found) => found !== undefined);
    if (!patch) return { graph: current, removed: count(graph) - count(current) };
    current = applyPatch(current, patch);
  }
}
