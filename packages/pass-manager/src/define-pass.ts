/**
 * A pass is a declaration plus rules: what it is called, whether it is exact, its options as one schema (help,
 * text syntax, docs and types come from it), and either
 *
 *   rules  per op kind: a node in, a patch or a reason why not out; the driver iterates to a fixed point, or
 *   run    a function of the whole graph, for passes that need order, data or several networks.
 *
 * Passes are pure functions of graph, options and context. The driver (driver.ts) owns everything else.
 */
import type { Calibration } from '@decouple/calibration';
import type { CostModel, Graph, Node, NodeOf, OpKind, Patch } from '@decouple/ir';
import { InvariantError, type Random } from '@decouple/tensor';
import type { z } from 'zod';

/** A row of a report's table: the layer (an `origin`) and any columns. */
export interface LayerRow {
  readonly layer: string;
  readonly [column: string]: string | number;
}

/** What a pass sees besides the graph and its options. */
export interface PassContext<Counter extends string = string> {
  /** What rewrites must lower. */
  readonly cost: CostModel;
  readonly calibration?: Calibration;
  /** Seeded, and independent of the other passes of the pipeline. */
  readonly random: Random;
  /** Checked by the driver between rules; a long `run` calls `signal.throwIfAborted()`. */
  readonly signal: AbortSignal;
  /** Tells whoever watches how far a long `run` is. */
  readonly progress: (done: number, total: number, what: string) => void;
  /** Says why a node was left alone. Reasons are counted: keep them free of numbers and names. */
  readonly note: (node: string, reason: string) => void;
  /** Adds `value` (default 1) to a declared statistic. In a rule it counts only when the patch is accepted. */
  readonly count: (name: Counter, value?: number) => void;
  /** Adds a row to the report. In a rule it counts only when the patch is accepted. */
  readonly detail: (row: LayerRow) => void;
}

/** What a pass with `run` sees. */
export interface RunContext<Counter extends string = string> extends PassContext<Counter> {
  /**
   * Applies a patch and counts it as a rewrite, so that runs can stop after it and searches can name it. Count and
   * report before: nothing after the last rewrite that is wanted runs.
   * @param node that it is about; default: the first one that the patch removes.
   * @throws ModelError when the patch does not fit.
   */
  readonly rewrite: (graph: Graph, patch: Patch, node?: string) => Graph;
}

/** A rule looked at a node and leaves it alone. The reason is counted and printed: no numbers, no names. */
export interface Skip {
  readonly skip: string;
}
/** A rewrite, a reason why not, or `undefined`: the node does not concern the rule. */
export type RuleResult = Patch | Skip | undefined;

/** Passes with rules over different options share one type, so parameters are compared bivariantly (a method). */
export type Rule<K extends OpKind, Options, Counter extends string = string> = {
  rule(
    node: NodeOf<K> & Node,
    graph: Graph,
    options: Options,
    context: PassContext<Counter>,
  ): RuleResult;
}['rule'];

export type Rules<Options, Counter extends string = string> = {
  readonly [K in OpKind]?: Rule<K, Options, Counter>;
};

/** What a pass can't do without; a missing one is an OptionError before anything runs. */
export type Need = 'calibration';

export interface Pass<
  Name extends string = string,
  Options extends z.ZodObject = z.ZodObject,
  Counter extends string = string,
> {
  /** Verb first, kebab case: `fold-batch-norm`. */
  readonly name: Name;
  /** One sentence. */
  readonly summary: string;
  /** `exact`: same function up to rounding, and idempotent. `approximate`: rules must lower the cost. */
  readonly effect: 'exact' | 'approximate';
  /** `z.strictObject`, each field with `.describe(…)` and, unless required, `.default(…)`. */
  readonly options: Options;
  /** Counters by name, with what they count. */
  readonly statistics?: Readonly<Record<Counter, string>>;
  needs?(options: z.output<Options>): readonly Need[];
  readonly rules?: Rules<z.output<Options>, Counter>;
  /** Rules of one run over a graph, when they share something such as a budget. */
  rulesFor?(graph: Graph): Rules<z.output<Options>, Counter>;
  run?(
    graph: Graph,
    options: z.output<Options>,
    context: RunContext<Counter>,
  ): Graph | Promise<Graph>;
}

/**
 * Declares a pass; checks that it has one of `rules`, `rulesFor` and `run`, and fixes the types.
 * @throws InvariantError when it has several or none of them, or is named as a part of the text syntax.
 */
export function definePass<
  const Name extends string,
  Options extends z.ZodObject,
  Counter extends string = never,
>(definition: Pass<Name, Options, Counter>): Pass<Name, Options, Counter> {
  const absent = [!definition.rules, !definition.rulesFor, !definition.run].filter(Boolean);
  if (absent.length !== 2)
    throw new InvariantError(
      `pass '${definition.name}' must have either rules (or rulesFor) or run`,
    );
  if (definition.name === 'repeat')
    throw new InvariantError("'repeat' repeats passes in pipelines and can't be the name of one");
  return definition;
}
