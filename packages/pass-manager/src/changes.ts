/** What differs between a graph before and after: the one notion of "changed" for repeats, prints and searches. */
import { printNode, type Graph, type Node } from '@decouple/ir';
import { sameTensor } from '@decouple/tensor';

export interface GraphChanges {
  /** Nodes of the graph before that are gone or different, or read constants of other values. */
  readonly removed: readonly Node[];
  /** Their counterparts, and new nodes. */
  readonly added: readonly Node[];
  /** Constants whose name stayed and whose values did not. */
  readonly constants: readonly string[];
}

const describe = ({ op, attrs, inputs, outputs, origin }: Node): string =>
  JSON.stringify([op, attrs, inputs, outputs, origin]);

const sameNode = (a: Node, b: Node): boolean => a === b || describe(a) === describe(b);

/** Compares nodes by name and constants by content; the order of nodes does not count. */
export function changesBetween(before: Graph, after: Graph): GraphChanges {
  if (before === after) return { removed: [], added: [], constants: [] };
  const constants = [...before.constants].flatMap(([name, value]) => {
    const now = after.constants.get(name);
    return now && now !== value && !sameTensor(now, value) ? [name] : [];
  });
  const touched = new Set(constants);
  const old = new Map(before.nodes.map((node) => [node.name, node]));
  const kept = new Set<string>();
  for (const node of after.nodes) {
    const other = old.get(node.name);
    if (other && sameNode(other, node) && !node.inputs.some((input) => touched.has(input)))
      kept.add(node.name);
  }
  const changed = ({ nodes }: Graph): Node[] => nodes.filter(({ name }) => !kept.has(name));
  return { removed: changed(before), added: changed(after), constants };
}

export function hasChanged(before: Graph, after: Graph): boolean {
  const { removed, added, constants } = changesBetween(before, after);
  return removed.length + added.length + constants.length > 0;
}

/** Changes as text: nodes that went after `-`, nodes that came after `+`, constants of other values after `~`. */
export function formatChanges(before: Graph, after: Graph): string {
  const { removed, added, constants } = changesBetween(before, after);
  return [
    ...removed.map((node) => `- ${printNode(node, before.types)}\n`),
    ...added.map((node) => `+ ${printNode(node, after.types)}\n`),
    ...constants.map((name) => `~ const %${name}: other values\n`),
  ].join('');
}
