/**
 * The search for a pipeline and its budget. Each family is a pipeline with a free share of MACs (template.ts). A
 * smaller share costs less and loses more: within a family the best feasible share is found between brackets, on
 * trials that are really built and measured. A family that can't beat the best one so far by a step is left at once.
 * Trials are remembered in a store, so that a search that was stopped at any moment goes on where it was and ends as
 * if it had never been stopped.
 */
import type { Graph } from '@decouple/ir';
import { totalCost } from '@decouple/ir';
import { nextTurn, OptionError } from '@decouple/tensor';
import { fillTemplate, requireTemplate } from './template.ts';

/** What a network costs and loses. */
export interface Measured {
  /** Per image. */
  readonly macs: number;
  readonly params: number;
  /** Milliseconds per image, when a cost model was given. */
  readonly ms?: number;
  /** In the units of the metric (percentage points of accuracy, dB …); negative: better than the original. */
  readonly drop?: number;
}
export type Quantity = keyof Measured;

/** One pipeline tried. */
export interface Trial extends Measured {
  readonly pipeline: string;
  readonly family: string;
  readonly share: number;
}

/** Remembers trials by key. */
export interface TrialStore {
  get(key: string): Promise<Measured | undefined>;
  put(key: string, measured: Measured): Promise<void>;
}

export interface SearchProgress {
  /** Trials finished, and about how many there will be. */
  readonly done: number;
  readonly total: number;
  readonly pipeline: string;
}

export interface SearchProblem {
  readonly graph: Graph;
  /** Pipelines with `$` for the budget. */
  readonly families: readonly string[];
  /** Upper bounds; at least one. */
  readonly limits: Partial<Readonly<Record<Quantity, number>>>;
  /** Of those within the limits. Default: MACs, or the drop when it has no limit of its own. */
  readonly minimize?: Quantity;
  /** Applies a pipeline. */
  readonly apply: (pipeline: string) => Promise<Graph>;
  /** Loss of a network against the original; called only when a limit or the goal needs it. */
  readonly drop?: (graph: Graph) => Promise<number>;
  /** Milliseconds of a network. */
  readonly ms?: (graph: Graph) => Promise<number>;
  readonly store?: TrialStore;
  readonly onProgress?: (progress: SearchProgress) => void;
  readonly signal?: AbortSignal;
  /** Largest speed-up that is tried. Default 32. */
  readonly maxSpeedup?: number;
  /** Shares of neighbouring trials in the end, as a ratio. Default 1.03. */
  readonly precision?: number;
  /** The first speed-up tried when a loss is limited: near the result it saves trials. Default 2. */
  readonly start?: number;
}

export interface SearchResult {
  /** The best of those within the limits; `undefined` when the limits leave nothing but the original, or not even that. */
  readonly best: Trial | undefined;
  readonly trials: readonly Trial[];
}

const quantities: readonly Quantity[] = ['macs', 'params', 'ms', 'drop'];

function requireProblem({ families, limits, minimize, drop, ms }: SearchProblem): void {
  families.forEach(requireTemplate);
  if (!families.length) throw new OptionError('search: no pipelines to search');
  const given = quantities.filter((quantity) => limits[quantity] !== undefined);
  if (!given.length) throw new OptionError(`search: give a limit: ${quantities.join(', ')}`);
  for (const quantity of [...given, ...(minimize ? [minimize] : [])]) {
    if (quantity === 'drop' && !drop)
      throw new OptionError('search: a limit of the drop needs data to measure it on');
    if (quantity === 'ms' && !ms)
      throw new OptionError('search: a limit of milliseconds needs a model of the costs');
  }
}

/** Trials of one search. */
class Trials {
  readonly list: Trial[] = [];
  private readonly problem: SearchProblem;
  private readonly goal: Quantity;
  expected: number;

  constructor(problem: SearchProblem, goal: Quantity, expected: number) {
    this.problem = problem;
    this.goal = goal;
    this.expected = expected;
  }

  private needs(quantity: Quantity): boolean {
    return this.problem.limits[quantity] !== undefined || this.goal === quantity;
  }

  private async measure(pipeline: string): Promise<Measured> {
    const { apply, drop, ms } = this.problem;
    const graph = await apply(pipeline);
    const { macs, params } = totalCost(graph);
    const [time, loss] = [
      ms ? await ms(graph) : undefined,
      drop && this.needs('drop') ? await drop(graph) : undefined,
    ];
    return {
      macs,
      params,
      ...(time === undefined ? {} : { ms: time }),
      ...(loss === undefined ? {} : { drop: loss }),
    };
  }

  /** @returns `undefined` when the pipeline can't meet the budget at all. */
  async run(family: string, share: number): Promise<Trial | undefined> {
    const { problem } = this;
    await nextTurn(problem.signal);
    const pipeline = fillTemplate(family, share);
    const known = this.list.find((trial) => trial.pipeline === pipeline);
    if (known) return known;
    const total = Math.max(this.expected, this.list.length + 1);
    problem.onProgress?.({ done: this.list.length, total, pipeline });
    let measured = await problem.store?.get(pipeline);
    if (!measured) {
      try {
        measured = await this.measure(pipeline);
      } catch (error) {
        if (error instanceof OptionError && error.message.includes("can't be met"))
          return undefined;
        throw error;
      }
      await problem.store?.put(pipeline, measured);
    }
    const trial = { ...measured, pipeline, family, share };
    this.list.push(trial);
    return trial;
  }

  within(trial: Measured, ignored?: Quantity): boolean {
    return quantities.every((quantity) => {
      const limit = this.problem.limits[quantity];
      return limit === undefined || quantity === ignored || (trial[quantity] ?? Infinity) <= limit;
    });
  }

  /** The best trial within the limits so far. */
  best(): Trial | undefined {
    const { goal } = this;
    return this.list
      .filter((trial) => this.within(trial))
      .reduce<Trial | undefined>(
        (best, trial) => (!best || (trial[goal] as number) < (best[goal] as number) ? trial : best),
        undefined,
      );
  }
}

/** A speed-up tried, and its drop; `undefined` when the budget can't be met, or something else is beyond its limit. */
interface Tried {
  readonly speedup: number;
  readonly drop: number | undefined;
}

/**
 * Where the drop reaches its limit, between one speed-up within the limits and one beyond. Drops grow about as a power
 * of the speed-up; the point is put half a step to the side that the bracket lacks, so that both ends close in.
 */
function between(good: Tried, bad: Tried, limit: number, precision: number): number {
  const middle = Math.sqrt(good.speedup * bad.speedup);
  if (!((good.drop ?? 0) > 0 && (bad.drop ?? 0) > limit)) return middle;
  const [from, to] = [Math.log(good.drop as number), Math.log(bad.drop as number)];
  const place = (Math.log(limit) - from) / (to - from);
  const estimate = good.speedup * (bad.speedup / good.speedup) ** place;
  const step = Math.sqrt(precision);
  const wanted = good.speedup * precision < estimate ? estimate / step : estimate * step;
  const margin = (bad.speedup / good.speedup) ** 0.15;
  return Math.min(bad.speedup / margin, Math.max(good.speedup * margin, wanted));
}

/** A step in speed-up that should lead beyond the limit, from the drop so far: doubling when that says nothing. */
const stepFrom = (drop: number | undefined, limit: number, least: number): number =>
  drop !== undefined && drop > 0 && limit > 0
    ? Math.min(2, Math.max(1.1, least, Math.max(limit / drop, drop / limit) ** 0.4))
    : 2;

/** The smallest share of a family whose drop is within the limit: a bracket, then its ends are brought together. */
async function leastShare(trials: Trials, family: string, problem: SearchProblem): Promise<void> {
  const { maxSpeedup = 32, precision = 1.03, start = 2 } = problem;
  const limit = problem.limits.drop as number;
  const run = async (speedup: number): Promise<Tried & { readonly within: boolean }> => {
    const trial = await trials.run(family, 1 / speedup);
    return { speedup, drop: trial?.drop, within: !!trial && trials.within(trial) };
  };
  const best = trials.best();
  let good: Tried = { speedup: 1, drop: 0 };
  let bad: Tried | undefined;
  for (let speedup = best ? precision / best.share : start; speedup <= maxSpeedup;) {
    const tried = await run(speedup);
    if (tried.within) good = tried;
    else bad = tried;
    // A family that does not beat the best one by a step is left.
    if (best && good.speedup === 1) return;
    if (bad && good.speedup > 1) break;
    speedup = tried.within
      ? speedup * stepFrom(tried.drop, limit, precision)
      : speedup / stepFrom(tried.drop, limit, precision);
    if (speedup <= precision) break;
  }
  let [low, high] = [good, bad ?? { speedup: maxSpeedup * precision, drop: undefined }];
  for (let round = 1; high.speedup / low.speedup > precision; round++) {
    // Every third point halves the bracket, whatever the drops say.
    const halved = { ...high, drop: undefined };
    const tried = await run(between(low, round % 3 ? high : halved, limit, precision));
    if (tried.within) low = tried;
    else high = tried;
  }
}

/** The largest share of a family whose costs are within the limits, by bisection on costs. */
async function largestShare(
  trials: Trials,
  family: string,
  { graph, limits, ms, precision = 1.03, maxSpeedup = 32 }: SearchProblem,
): Promise<void> {
  const whole = totalCost(graph).macs;
  const ofMacs = limits.macs === undefined ? 1 : Math.min(1, limits.macs / whole);
  const inTime = ms && limits.ms !== undefined && family.includes('ms=$');
  const share = inTime ? Math.min(ofMacs, limits.ms / (await ms(graph))) : ofMacs;
  const first = await trials.run(family, share);
  if (!first || trials.within(first)) return;
  let [good, bad] = [share / maxSpeedup, share];
  while (bad / good > precision) {
    const middle = Math.sqrt(good * bad);
    const trial = await trials.run(family, middle);
    if (!trial || trials.within(trial)) good = middle;
    else bad = middle;
  }
}

/**
 * Searches all families. The same problem and the same store give the same result.
 * @throws OptionError when the problem is incomplete; the signal's reason when cancelled.
 */
export async function searchPipelines(problem: SearchProblem): Promise<SearchResult> {
  requireProblem(problem);
  const limited = problem.limits.drop !== undefined;
  const goal = problem.minimize ?? (limited ? 'macs' : problem.drop ? 'drop' : 'macs');
  const rounds = limited ? 7 : 1;
  const trials = new Trials(problem, goal, rounds + 3 * (problem.families.length - 1));
  for (const family of problem.families)
    await (limited ? leastShare : largestShare)(trials, family, problem);
  return { best: trials.best(), trials: trials.list };
}
