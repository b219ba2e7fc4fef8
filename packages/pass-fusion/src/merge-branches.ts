/**
 * Merges parallel convolutions of one tensor, which run as several passes over it, into a wide one:
 *
 *   joined   concat(A x, B x)             = [A; B] x            equal kernel, stride, padding, activation; one group
 *   summed   Σ_t A_t x                    = (Σ_t A_t) x         equal kernel, stride, padding, groups
 *            Σ_t P_t (D_t ⊛ x)  dw → pw   = P (D ⊛ x)           D: depthwise of multiplier T, channel i·T+t
 *            Σ_t D_t ⊛ (P_t x)  pw → dw   = D ⊛ (P x)           P: n_o·T outputs, o·T+t; D: n_o groups of T
 *
 * The matrix product or the grouped convolution performs the sum. Biases in between are joined, those of the last
 * layers are summed. An activation of the whole sum becomes one of the wide layer. Not handled: branches that other
 * nodes read, or that end in an activation or a residual.
 */
import {
  isOp,
  makeNode,
  normalizeAxis,
  producerOf,
  sameType,
  soleConsumerOf,
  type Graph,
  type Node,
  type NodeOf,
} from '@decouple/ir';
import { definePass, type RuleResult } from '@decouple/pass-manager';
import { z } from 'zod';
import { branchForms, interleave, joinBiases, wideConv, type Branch } from './branch-forms.ts';
import {
  areFinite,
  feedsOnly,
  freshName,
  inputOf,
  isConv,
  outputOf,
  residualOf,
  weightsOf,
  type Conv,
} from './layers.ts';

type Sum = NodeOf<'add'> & Node;
type Concat = NodeOf<'concat'> & Node;

/** Text that is equal for convolutions that one with more outputs could replace. */
function joinKey(graph: Graph, value: string, concat: Concat): string | undefined {
  const conv = producerOf(graph, value);
  if (!isConv(conv) || conv.attrs.groups !== 1 || residualOf(conv)) return undefined;
  const weights = weightsOf(graph, conv);
  const once = concat.inputs.indexOf(value) === concat.inputs.lastIndexOf(value);
  if (!weights || !once || !feedsOnly(graph, conv, concat)) return undefined;
  return JSON.stringify([inputOf(conv), weights.weight.shape.slice(1), conv.attrs]);
}

/** The first run of neighbours of equal keys. */
function findRun(graph: Graph, concat: Concat): { first: number; convs: Conv[] } | undefined {
  const keys = concat.inputs.map((value) => joinKey(graph, value, concat));
  const first = keys.findIndex((key, index) => key !== undefined && key === keys[index + 1]);
  if (first < 0) return undefined;
  const length = keys.slice(first).findIndex((key) => key !== keys[first]);
  const run = concat.inputs.slice(first, length < 0 ? undefined : first + length);
  return { first, convs: run.map((value) => producerOf(graph, value) as Conv) };
}

function mergeJoined(concat: Concat, graph: Graph): RuleResult {
  const rank = graph.types.get(outputOf(concat))?.shape.length;
  if (rank !== 4 || normalizeAxis(concat.attrs.axis, rank) !== 1) return undefined;
  const run = findRun(graph, concat);
  if (!run) return { skip: 'no neighbours are equal convolutions of one tensor, read only here' };
  const { first, convs } = run;
  const lead = convs[0] as Conv;
  const weights = convs.map((conv) => weightsOf(graph, conv)?.weight.data ?? new Float32Array());
  const weight = interleave(
    weights.map((data) => ({ data, perBlock: data.length })),
    1,
  );
  const perOutput = weightsOf(graph, lead)?.weight.shape.slice(1) ?? [];
  const outs = weight.length / perOutput.reduce((a, b) => a * b, 1);
  const name = freshName(graph, `${concat.name}/branches`);
  const bias = joinBiases(graph, convs, 1);
  const shape = [outs, ...perOutput];
  const wide = wideConv(graph, lead, { name, x: inputOf(lead), shape, weight, bias });
  const whole = convs.length === concat.inputs.length;
  const inputs = concat.inputs.toSpliced(first, convs.length, name);
  return {
    remove: [...convs.map((conv) => conv.name), concat.name],
    add: whole ? [{ ...wide.conv, outputs: concat.outputs }] : [wide.conv, { ...concat, inputs }],
    constants: wide.constants,
  };
}

/** Whether both summands are of the size of the sum. */
function isPlainSum(graph: Graph, sum: Sum): boolean {
  const out = graph.types.get(outputOf(sum));
  return sum.inputs.every((value) => {
    const type = graph.types.get(value);
    return out !== undefined && type !== undefined && sameType(type, out);
  });
}

/** Whether a sum is only a summand of another one. */
function isInner(graph: Graph, sum: Sum): boolean {
  const reader = soleConsumerOf(graph, outputOf(sum));
  return !sum.attrs.activation && isOp(reader, 'add') && isPlainSum(graph, reader);
}

interface Summand {
  readonly value: string;
  /** The sum that reads it. */
  readonly sum: Sum;
}

/** The summands of a tree of sums, from left to right, and the sums. */
function summandsOf(graph: Graph, sum: Sum): { leaves: Summand[]; sums: Sum[] } {
  const found = { leaves: [] as Summand[], sums: [sum] };
  for (const value of sum.inputs) {
    const node = producerOf(graph, value);
    const isTree =
      isOp(node, 'add') &&
      !node.attrs.activation &&
      feedsOnly(graph, node, sum) &&
      sum.inputs[0] !== sum.inputs[1] &&
      isPlainSum(graph, node);
    if (!isTree) found.leaves.push({ value, sum });
    else {
      const below = summandsOf(graph, node);
      found.leaves.push(...below.leaves);
      found.sums.push(...below.sums);
    }
  }
  return found;
}

/** Summands that can be merged, with the form that does it. */
function findBranches(graph: Graph, leaves: readonly Summand[]) {
  for (const form of branchForms) {
    const groups = new Map<string, Branch[]>();
    for (const { value, sum } of leaves) {
      const last = producerOf(graph, value);
      const twice = leaves.filter((leaf) => leaf.value === value).length > 1;
      if (!isConv(last) || twice || !feedsOnly(graph, last, sum)) continue;
      const branch = form.branchOf(graph, last);
      if (!branch) continue;
      const key = form.keyOf(graph, branch);
      groups.set(key, [...(groups.get(key) ?? []), branch]);
    }
    const branches = [...groups.values()].find((group) => group.length > 1);
    if (branches) return { form, branches };
  }
  return undefined;
}

/** Sums that add the values one after the other; the last one is the old sum by name, output and activation. */
function chainOfSums(graph: Graph, sum: Sum, values: readonly string[]): Node[] {
  let total = values[0] as string;
  return values.slice(1).map((value, index) => {
    if (index === values.length - 2) return { ...sum, inputs: [total, value] };
    const name = freshName(graph, `${sum.name}/part${index + 1}`);
    const part = makeNode('add', name, [total, value], {}, { origin: sum.origin });
    total = name;
    return part;
  });
}

function mergeSummed(sum: Sum, graph: Graph): RuleResult {
  if (!isPlainSum(graph, sum) || isInner(graph, sum)) return undefined;
  const { leaves, sums } = summandsOf(graph, sum);
  const found = findBranches(graph, leaves);
  if (!found) return { skip: 'no two summands are like branches of one tensor, read only here' };
  const { form, branches } = found;
  const names = form.roles.map((role) => freshName(graph, `${sum.name}/${role}`));
  const { convs, constants } = form.merge(graph, branches, names);
  if (!constants.every(([, value]) => areFinite(value.data as Float32Array)))
    return { skip: 'the sum of their weights is not finite' };
  const gone = branches.flatMap((branch) => branch.convs);
  const merged = new Set(gone.map(outputOf));
  const rest = leaves.map(({ value }) => value).filter((value) => !merged.has(value));
  const last = convs.at(-1) as Conv;
  const { activation } = sum.attrs;
  const final: Node = { ...last, outputs: sum.outputs, attrs: { ...last.attrs, activation } };
  return {
    remove: [...gone, ...sums].map((node) => node.name),
    add: rest.length
      ? [...convs, ...chainOfSums(graph, sum, [last.name, ...rest])]
      : [...convs.slice(0, -1), final],
    constants,
  };
}

export const mergeBranches = definePass({
  name: 'merge-branches',
  summary: 'Merges parallel convolutions of one tensor that are joined or summed into a wide one.',
  effect: 'exact',
  options: z.strictObject({}),
  rules: { concat: mergeJoined, add: mergeSummed },
});
