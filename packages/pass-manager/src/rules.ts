/**
 * Applies a pass's rules until none fires. Each sweep visits the nodes in topological order and collects patches
 * that touch disjoint values; they are applied together, so that a graph is rebuilt once per sweep and not once per
 * rewrite. A patch that touches what another one changes waits for the next sweep, where its rule looks again.
 *
 * Accept gate: a patch of an `approximate` pass must lower the context's cost, Σ cost(added) < Σ cost(removed).
 */
import {
  applyPatch,
  applyPatches,
  type CostModel,
  type Graph,
  type Node,
  type Patch,
} from '@decouple/ir';
import { InvariantError, nextTurn } from '@decouple/tensor';
import type { Pass, PassContext, Rule, Rules } from './define-pass.ts';
import { withPlace } from './errors.ts';
import type { Journal } from './report.ts';
import type { RewriteCounter } from './rewrites.ts';

interface Proposal {
  readonly node: Node;
  readonly patch: Patch;
  /** Counts and rows of the rule, written when the patch is accepted. */
  readonly commit: readonly (() => void)[];
}

/** Values that a patch changes, and all that it relies on. */
interface Footprint {
  readonly changed: ReadonlySet<string>;
  readonly mentioned: ReadonlySet<string>;
}

function footprintOf(graph: Graph, patch: Patch): Footprint {
  const removed = new Set(patch.remove);
  const gone = graph.nodes.filter((node) => removed.has(node.name));
  const constants = [...(patch.constants ?? [])].map(([name]) => name);
  const nodes = [...gone, ...(patch.add ?? [])];
  const changed = new Set([
    ...nodes.flatMap((node) => node.outputs),
    ...(patch.redirect ?? []).flat(),
    ...constants,
  ]);
  const mentioned = new Set([...changed, ...nodes.flatMap((node) => node.inputs)]);
  mentioned.delete('');
  return { changed, mentioned };
}

/** Whether a patch may be applied together with those claimed so far; claims its values if so. */
function claim(claimed: { changed: Set<string>; mentioned: Set<string> }, own: Footprint): boolean {
  for (const value of own.mentioned) if (claimed.changed.has(value)) return false;
  for (const value of own.changed) if (claimed.mentioned.has(value)) return false;
  for (const value of own.changed) claimed.changed.add(value);
  for (const value of own.mentioned) claimed.mentioned.add(value);
  return true;
}

/** Costs of what a patch removes and of what it adds. */
function costsOfPatch(
  graph: Graph,
  patch: Patch,
  cost: CostModel,
): { removed: number; added: number } {
  const after = applyPatch(graph, patch);
  const total = (where: Graph, names: ReadonlySet<string>): number =>
    where.nodes.reduce((sum, node) => sum + (names.has(node.name) ? cost.cost(where, node) : 0), 0);
  return {
    removed: total(graph, new Set(patch.remove)),
    added: total(after, new Set((patch.add ?? []).map((node) => node.name))),
  };
}

const pauseEveryMs = 40;

interface Run {
  readonly pass: Pass;
  readonly options: Readonly<Record<string, unknown>>;
  readonly context: PassContext;
  readonly journal: Journal;
  readonly rewrites: RewriteCounter;
}

interface RunOfRules extends Run {
  readonly rules: Rules<unknown> | undefined;
}

/** Asks the rule about one node. Skips and refusals are noted. */
function propose({ pass, rules, options, context, journal }: RunOfRules, graph: Graph, node: Node) {
  const rule = rules?.[node.op] as Rule<typeof node.op, unknown> | undefined;
  if (!rule) return undefined;
  const commit: (() => void)[] = [];
  try {
    const result = rule(node, graph, options, {
      ...context,
      count: (name, value = 1) => void commit.push(() => journal.count(name, value)),
      detail: (row) => void commit.push(() => journal.detail(row)),
    });
    if (!result) return undefined;
    if ('skip' in result) {
      journal.note(node.name, result.skip);
      return undefined;
    }
    if (pass.effect === 'approximate') {
      const { removed, added } = costsOfPatch(graph, result, context.cost);
      if (added >= removed) {
        journal.note(node.name, `the replacement would not cost fewer ${context.cost.unit}`);
        return undefined;
      }
    }
    return { node, patch: result, commit } satisfies Proposal;
  } catch (error) {
    throw withPlace(error, `${node.op} '${node.name}'`, context.signal);
  }
}

/** One look at every node; the proposals can be applied together. */
async function sweep(run: RunOfRules, graph: Graph): Promise<Proposal[]> {
  const proposals: Proposal[] = [];
  const claimed = { changed: new Set<string>(), mentioned: new Set<string>() };
  let paused = performance.now();
  for (const [index, node] of graph.nodes.entries()) {
    if (performance.now() - paused > pauseEveryMs) {
      run.context.progress(index, graph.nodes.length, node.name);
      await nextTurn(run.context.signal);
      paused = performance.now();
    }
    run.context.signal.throwIfAborted();
    const proposal = propose(run, graph, node);
    if (proposal && claim(claimed, footprintOf(graph, proposal.patch))) proposals.push(proposal);
  }
  return proposals;
}

/** The graph with proposals applied, no more of them than are left. */
function apply(run: Run, graph: Graph, proposals: readonly Proposal[]): Graph {
  const commit = (accepted: readonly Proposal[], result: Graph): Graph => {
    for (const { node, commit } of accepted) {
      for (const write of commit) write();
      run.rewrites.add(node.name, node.op);
    }
    return result;
  };
  const applied = (accepted: readonly Proposal[]): Graph =>
    applyPatches(
      graph,
      accepted.map(({ patch }) => patch),
    );
  try {
    // All at first, also when fewer are left: a run that stops early takes the same way as one that does not.
    const all = applied(proposals);
    const accepted = proposals.slice(0, run.rewrites.left);
    return commit(accepted, accepted.length < proposals.length ? applied(accepted) : all);
  } catch {
    // Either one patch is wrong, and applying the first alone in turn finds it, or two patches clash in a way
    // that their values don't show: then the others are proposed anew for the changed graph.
    const first = proposals[0] as Proposal;
    try {
      return commit([first], applyPatch(graph, first.patch));
    } catch (error) {
      throw withPlace(error, `${first.node.op} '${first.node.name}'`, run.context.signal);
    }
  }
}

/**
 * Runs the rules to a fixed point, or until no rewrites are left.
 * @throws InvariantError when they don't settle; errors of rules with the node's name added.
 */
export async function applyRules(run: Run, graph: Graph): Promise<Graph> {
  const rules = run.pass.rulesFor?.(graph) ?? run.pass.rules;
  const limit = 10 * graph.nodes.length + 100;
  const before = run.rewrites.count;
  let current = graph;
  while (run.rewrites.left > 0) {
    run.journal.clearNotes();
    const proposals = await sweep({ ...run, rules }, current);
    if (!proposals.length) break;
    current = apply(run, current, proposals);
    const rewrites = run.rewrites.count - before;
    if (rewrites > limit)
      throw new InvariantError(
        `no fixed point after ${rewrites} rewrites, the last of '${proposals[0]?.node.name}': a rule undoes or repeats itself`,
      );
  }
  return current;
}
