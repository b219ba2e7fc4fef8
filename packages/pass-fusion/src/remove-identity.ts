/**
 * Removes nodes that give their input unchanged: identity and dropout (inference), and casts, reshapes, pads, slices,
 * transpositions and concatenations that do nothing. Their readers read the input instead.
 */
import { formatType, producerOf, usesOf, type Graph, type Node, type OpKind } from '@decouple/ir';
import { definePass, type RuleResult } from '@decouple/pass-manager';
import { z } from 'zod';
import { inputOf, outputOf } from './layers.ts';

/** Whether a node of unchanged type also keeps every element in its place. */
function keepsElements(node: Node): boolean {
  switch (node.op) {
    case 'identity':
    case 'dropout':
    case 'reshape':
    case 'flatten':
    case 'squeeze':
    case 'unsqueeze':
      return true;
    case 'cast':
      return node.attrs.precision === null;
    case 'slice':
      // Of unchanged size: with steps of 1 all is taken, with -1 it is reversed.
      return node.attrs.steps.every((step) => step === 1);
    case 'pad':
      return node.attrs.pads.every((side) => side === 0);
    case 'transpose':
      return node.attrs.permutation.every((axis, place) => axis === place);
    case 'concat':
      return node.inputs.length === 1;
    default:
      return false;
  }
}

const kinds = [
  'identity',
  'dropout',
  'cast',
  'reshape',
  'flatten',
  'squeeze',
  'unsqueeze',
  'slice',
  'pad',
  'transpose',
  'concat',
] as const satisfies readonly OpKind[];

function remove(node: Node, graph: Graph): RuleResult {
  const [from, to] = [outputOf(node), inputOf(node)];
  const [before, after] = [to, from].map((value) => graph.types.get(value));
  if (!before || !after) return { skip: 'the type of its input is unknown' };
  if (formatType(before) !== formatType(after) || !keepsElements(node)) return undefined;
  const { outputs } = usesOf(graph);
  if (outputs.has(from) && (!producerOf(graph, to) || outputs.has(to)))
    return { skip: 'it gives an output of the network its name' };
  return { remove: [node.name], redirect: [[from, to]] };
}

export const removeIdentity = definePass({
  name: 'remove-identity',
  summary: 'Removes nodes that give their input unchanged.',
  effect: 'exact',
  options: z.strictObject({}),
  rules: Object.fromEntries(kinds.map((kind) => [kind, remove])),
});
