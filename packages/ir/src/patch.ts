/**
 * Patches: the only way to edit a graph. A patch removes nodes, adds nodes and constants, and may let the uses
 * of one value read another. A replaced value keeps its name, so the rest of the graph does not notice.
 */
import { ModelError, type Tensor } from '@decouple/tensor';
import { createGraph, usesOf, type Graph } from './graph.ts';
import type { Node } from './node.ts';
import { formatType, sameType } from './types.ts';

export interface Patch {
  /** Names of nodes to remove. */
  readonly remove: readonly string[];
  /** Nodes to add, in any order. Together they define every value of the removed nodes that is still read. */
  readonly add?: readonly Node[];
  readonly constants?: ReadonlyMap<string, Tensor> | readonly (readonly [string, Tensor])[];
  /** `[from, to]`: whoever read `from` reads `to`. An output of the graph keeps its name: `to` is renamed to it. */
  readonly redirect?: readonly (readonly [string, string])[];
}

/** Depth-first topological order that keeps the given order wherever it is already valid. */
export function topologicalOrder(nodes: readonly Node[]): Node[] {
  const producer = new Map<string, Node>();
  for (const node of nodes) for (const output of node.outputs) producer.set(output, node);
  const state = new Map<Node, 'open' | 'done'>();
  const order: Node[] = [];
  for (const root of nodes) {
    const stack: { node: Node; next: number }[] = state.has(root) ? [] : [{ node: root, next: 0 }];
    if (stack.length) state.set(root, 'open');
    while (stack.length) {
      const top = stack[stack.length - 1] as { node: Node; next: number };
      const input = top.node.inputs[top.next++];
      if (input === undefined) {
        state.set(top.node, 'done');
        order.push(top.node);
        stack.pop();
        continue;
      }
      const source = producer.get(input);
      if (!source || state.get(source) === 'done') continue;
      if (state.get(source) === 'open')
        throw new ModelError(`nodes '${source.name}' and '${top.node.name}' are part of a cycle`);
      state.set(source, 'open');
      stack.push({ node: source, next: 0 });
    }
  }
  return order;
}

function renameValue(nodes: readonly Node[], from: string, to: string): Node[] {
  const swap = (values: readonly string[]): string[] =>
    values.map((value) => (value === from ? to : value));
  return nodes.map((node) =>
    node.inputs.includes(from) || node.outputs.includes(from)
      ? { ...node, inputs: swap(node.inputs), outputs: swap(node.outputs) }
      : node,
  );
}

function redirectValue(graph: Graph, nodes: readonly Node[], from: string, to: string): Node[] {
  const rewired = nodes.map((node) =>
    node.inputs.includes(from)
      ? { ...node, inputs: node.inputs.map((input) => (input === from ? to : input)) }
      : node,
  );
  if (!usesOf(graph).outputs.has(from)) return rewired;
  // `to` takes over the name, so whoever made `from` must be gone.
  const kept = rewired.filter((node) => node.outputs.length !== 1 || node.outputs[0] !== from);
  const made = kept.some((node) => node.outputs.includes(to));
  if (!made || usesOf(graph).outputs.has(to))
    throw new ModelError(
      `output '${from}' can't take the place of '${to}', which must keep its name`,
    );
  return renameValue(kept, to, from);
}

/** Drops nodes whose results nobody reads, and constants that no node reads. */
export function withoutDeadNodes(nodes: readonly Node[], outputs: readonly string[]): Node[] {
  const live = new Set<string>(outputs);
  const kept: Node[] = [];
  for (let index = nodes.length - 1; index >= 0; index--) {
    const node = nodes[index] as Node;
    if (!node.outputs.some((output) => live.has(output))) continue;
    for (const input of node.inputs) live.add(input);
    kept.push(node);
  }
  return kept.reverse();
}

/** The nodes after removals and additions: a patch's nodes go where its first removed node stood. */
function editNodes(graph: Graph, patches: readonly Patch[]): Node[] {
  const patchOf = new Map<string, Patch>();
  for (const patch of patches)
    for (const name of patch.remove) {
      if (patchOf.has(name)) throw new ModelError(`two patches remove node '${name}'`);
      patchOf.set(name, patch);
    }
  const nodes: Node[] = [];
  const waiting = new Set(patches);
  for (const node of graph.nodes) {
    const patch = patchOf.get(node.name);
    if (!patch) nodes.push(node);
    else if (waiting.delete(patch)) nodes.push(...(patch.add ?? []));
    patchOf.delete(node.name);
  }
  const [missing] = patchOf.keys();
  if (missing !== undefined)
    throw new ModelError(`a patch removes node '${missing}', which does not exist`);
  for (const patch of waiting) nodes.push(...(patch.add ?? []));
  return nodes;
}

/** @throws ModelError when a node that no patch made would see another tensor under a constant's name. */
function mergeConstants(
  graph: Graph,
  patches: readonly Patch[],
  nodes: readonly Node[],
): Map<string, Tensor> {
  const added = new Map(patches.flatMap(({ constants = [] }) => [...constants]));
  const fresh = new Set(patches.flatMap(({ add = [] }) => add.map(({ name }) => name)));
  for (const node of nodes)
    for (const input of node.inputs) {
      const [before, after] = [graph.constants.get(input), added.get(input)];
      if (before && after && before !== after && !fresh.has(node.name))
        throw new ModelError(`a patch replaces constant '${input}', which '${node.name}' reads`);
    }
  const constants = new Map([...graph.constants, ...added]);
  const used = new Set([...nodes.flatMap((node) => node.inputs), ...graph.outputs]);
  for (const name of constants.keys()) if (!used.has(name)) constants.delete(name);
  return constants;
}

/** @throws ModelError when a value of the old graph has another type in the new one. */
function checkTypes(before: Graph, after: Graph): void {
  for (const node of after.nodes)
    for (const value of node.outputs) {
      const [old, now] = [before.types.get(value), after.types.get(value)];
      if (old && now && !sameType(old, now))
        throw new ModelError(
          `node '${node.name}': value '${value}' was ${formatType(old)} and would become ${formatType(now)}`,
        );
    }
}

/**
 * Applies a patch: a new graph, with dead nodes and unused constants gone.
 * @throws ModelError when it removes what is not there, makes a cycle, replaces a constant that kept nodes read, or
 * when the result is malformed or a kept value changes its type.
 */
export const applyPatch = (graph: Graph, patch: Patch): Graph => applyPatches(graph, [patch]);

/**
 * Applies patches that were all made for this graph and don't touch each other's nodes and values, at the price of
 * one.
 * @throws ModelError as `applyPatch`, and when two patches remove the same node.
 */
export function applyPatches(graph: Graph, patches: readonly Patch[]): Graph {
  let edited = editNodes(graph, patches);
  for (const patch of patches)
    for (const [from, to] of patch.redirect ?? []) edited = redirectValue(graph, edited, from, to);
  const nodes = withoutDeadNodes(topologicalOrder(edited), graph.outputs);
  const constants = mergeConstants(graph, patches, nodes);
  const result = createGraph({ ...graph, nodes, constants });
  checkTypes(graph, result);
  return result;
}
