/**
 * Replaces nodes whose inputs are all constants by their results, computed by the reference interpreter, and `shape`
 * of values of known shape by that shape. Bounded in size, so that a network does not grow by what it can compute, and
 * in work over the whole run, so that a small file can't ask for hours.
 */
import {
  foldingAllowance,
  foldingWork,
  interpretNode,
  ops,
  staticShape,
  usesOf,
  type Graph,
  type Node,
  type OpKind,
} from '@decouple/ir';
import { definePass, type RuleResult } from '@decouple/pass-manager';
import { holdsNumbers, int64, sizeOf, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { inputOf } from './layers.ts';

const options = z.strictObject({
  maxElements: z
    .int()
    .min(0)
    .default(1_000_000)
    .describe('largest result that is computed, in elements'),
});
type Options = z.output<typeof options>;

/** The node's results if they don't depend on the network's inputs. */
function evaluate(node: Node, graph: Graph): Tensor[] | undefined {
  if (node.op === 'shape') {
    const type = graph.types.get(inputOf(node));
    const shape = type && staticShape(type);
    return shape && [int64(shape)];
  }
  return interpretNode(
    node,
    node.inputs.map((input) => graph.constants.get(input)),
  );
}

/** `shape` looks at no elements. */
const workOf = (node: Node, graph: Graph): number =>
  node.op === 'shape'
    ? 1
    : foldingWork(
        node,
        node.inputs.map((input) => graph.types.get(input)),
        node.outputs.flatMap((output) => graph.types.get(output) ?? []),
      );

/** Work that a run may still do. */
interface Budget {
  left: number;
}

function fold(node: Node, graph: Graph, { maxElements }: Options, budget: Budget): RuleResult {
  const constant = node.inputs.every((input) => input === '' || graph.constants.has(input));
  if (!constant && node.op !== 'shape') return undefined;
  if (node.op === 'opaque') return { skip: 'its op is unknown' };
  if (node.outputs.some((output) => usesOf(graph).outputs.has(output)))
    return { skip: 'it is an output of the network' };
  const shapes = node.outputs.map((output) => {
    const type = graph.types.get(output);
    return type && staticShape(type);
  });
  if (!shapes.every((shape) => shape !== undefined))
    return { skip: 'its result is of unknown size' };
  if (shapes.some((shape) => sizeOf(shape) > maxElements))
    return { skip: 'its result is larger than maxElements' };
  const work = workOf(node, graph);
  if (work > budget.left) return { skip: 'computing it takes more work than a run may do' };
  budget.left -= work;
  const results = evaluate(node, graph);
  if (!results) return { skip: 'its input is of unknown size' };
  if (!results.every(holdsNumbers)) return { skip: 'its result is not finite' };
  return {
    remove: [node.name],
    constants: node.outputs.map((output, index) => [output, results[index] as Tensor]),
  };
}

const kinds = Object.keys(ops) as OpKind[];

export const foldConstants = definePass({
  name: 'fold-constants',
  summary: 'Replaces what does not depend on the inputs of the network by its value.',
  effect: 'exact',
  options,
  rulesFor(graph) {
    const budget: Budget = { left: foldingAllowance(graph.constants.values()) };
    const rule = (node: Node, current: Graph, given: Options): RuleResult =>
      fold(node, current, given, budget);
    return Object.fromEntries(kinds.map((kind) => [kind, rule]));
  },
});
