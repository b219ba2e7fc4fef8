/**
 * The driver runs a pipeline: iteration of rules, dead code removal, verification after each pass, timing, costs,
 * events, cancellation, and names of passes and nodes in errors. Passes only say what to rewrite.
 */
import type { Calibration } from '@decouple/calibration';
import {
  applyPatch,
  formatProblem,
  formatType,
  macsCostModel,
  nonFiniteConstants,
  totalCost,
  verify,
  type CostModel,
  type Graph,
} from '@decouple/ir';
import { createRandom, InvariantError, nextTurn, OptionError, type Random } from '@decouple/tensor';
import { changesBetween, hasChanged } from './changes.ts';
import type { Pass, PassContext, RunContext } from './define-pass.ts';
import { withPlace } from './errors.ts';
import { stepsOf, type Pipeline, type PipelineItem, type PipelineStep } from './pipeline.ts';
import { checkPrintAfter, printPass, type PrintAfter } from './print.ts';
import { createJournal, type PassReport, type PipelineResult } from './report.ts';
import { createRewriteCounter, Stopped, type Rewrite, type RewriteCounter } from './rewrites.ts';
import { applyRules } from './rules.ts';

interface Place {
  /** Index of the pass in the pipeline, and how many there are; those of a repeat count once. */
  readonly index: number;
  readonly count: number;
  readonly pass: string;
  /** Names of the groups around it and rounds of repeats (`repeat 2`), outermost first. */
  readonly groups: readonly string[];
  /** How many passes ran before, each round of a repeat anew. */
  readonly run: number;
}

export type PipelineEvent =
  | (Place & { readonly kind: 'pass-start'; readonly graph: Graph })
  | (Place & {
      readonly kind: 'progress';
      readonly done: number;
      readonly total: number;
      readonly what: string;
    })
  | (Place & { readonly kind: 'rewrite' } & Rewrite)
  | (Place & { readonly kind: 'pass-end'; readonly report: PassReport; readonly graph: Graph })
  | (Place & PassFailure & { readonly kind: 'pass-failed' });

/** All that it takes to run a pass that failed once more. */
export interface PassFailure {
  readonly error: unknown;
  /** The graph before the pass. */
  readonly graph: Graph;
  /** What was still to run, from the pass on. */
  readonly remaining: Pipeline;
  /** How often each pass had run, for {@link RunOptions.ran}. */
  readonly ran: Readonly<Record<string, number>>;
}

export interface RunOptions {
  /** What rewrites must lower. Default: MACs. */
  readonly cost?: CostModel | undefined;
  readonly calibration?: Calibration | undefined;
  /** Default 0. Same graph, pipeline, calibration and seed: same result. */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: PipelineEvent) => void) | undefined;
  /** Check the graph after every pass. Default true. */
  readonly verifyEach?: boolean | undefined;
  /** Stop when this many rewrites have been applied. Default: never. */
  readonly stopAfter?: number | undefined;
  readonly printAfter?: PrintAfter | undefined;
  /** To go on where another run ended: how often each pass ran there. Random numbers go on, too. */
  readonly ran?: Readonly<Record<string, number>> | undefined;
}

/** Everything a run needs, with defaults filled in. */
interface Setting {
  readonly cost: CostModel;
  readonly calibration: Calibration | undefined;
  readonly signal: AbortSignal;
  readonly emit: (event: PipelineEvent) => void;
  readonly verifyEach: boolean;
  readonly printAfter: PrintAfter | undefined;
  readonly stopAfter: number;
}

function settingOf(options: RunOptions): Setting {
  const { stopAfter = Infinity } = options;
  if (!(stopAfter >= 0)) throw new OptionError(`stopAfter must be 0 or more, got ${stopAfter}`);
  return {
    cost: options.cost ?? macsCostModel,
    calibration: options.calibration,
    signal: options.signal ?? new AbortController().signal,
    emit: (event) => options.onEvent?.(event),
    verifyEach: options.verifyEach ?? true,
    printAfter: options.printAfter,
    stopAfter,
  };
}

function checkNeeds(pipeline: Pipeline, { calibration }: RunOptions): void {
  for (const { pass, options } of stepsOf(pipeline.steps))
    if (!calibration && pass.needs?.(options).includes('calibration'))
      throw new OptionError(
        `pass '${pass.name}' needs calibration data with these options; give some images, or change its options`,
      );
}

/** Inputs and outputs as text: passes must keep them. */
const signatureOf = (graph: Graph): string =>
  [
    ...graph.inputs.map(({ name, type }) => `${name}: ${formatType(type)}`),
    '→',
    ...graph.outputs.map((name) => {
      const type = graph.types.get(name);
      return type ? `${name}: ${formatType(type)}` : name;
    }),
  ].join(' ');

function checkResult(before: Graph, after: Graph): void {
  const problems = verify(after).map(formatProblem);
  const broken = nonFiniteConstants(after, before.constants).map(
    (name) => `constant '${name}' holds NaN or infinity`,
  );
  const [old, now] = [signatureOf(before), signatureOf(after)];
  const changed = old === now ? [] : [`inputs and outputs were ${old} and became ${now}`];
  const all = [...problems, ...broken, ...changed];
  if (all.length) throw new InvariantError(`left a wrong graph: ${all.slice(0, 5).join('; ')}`);
}

/** The graph that a pass's `run` makes; its rewrites are counted. */
async function applyRun(
  pass: Pass,
  options: Readonly<Record<string, unknown>>,
  context: PassContext,
  rewrites: RewriteCounter,
  before: Graph,
): Promise<Graph> {
  let last = before;
  const rewrite: RunContext['rewrite'] = (graph, patch, node) => {
    if (rewrites.left <= 0) throw new Stopped();
    last = applyPatch(graph, patch);
    rewrites.add(node ?? patch.remove[0] ?? pass.name);
    if (rewrites.left <= 0) throw new Stopped();
    return last;
  };
  let result: Graph | undefined;
  try {
    result = await pass.run?.(before, options, { ...context, rewrite });
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  }
  if (!result || rewrites.left <= 0) return last;
  const graph = result === last ? last : applyPatch(result, { remove: [] });
  if (!hasChanged(last, graph)) return last;
  rewrites.add(changesBetween(last, graph).removed[0]?.name ?? pass.name);
  return graph;
}

async function runStep(
  { pass, options }: PipelineStep,
  before: Graph,
  place: Place,
  { setting, rewrites }: State,
  random: Random,
): Promise<{ graph: Graph; report: PassReport }> {
  const started = performance.now();
  const first = rewrites.count;
  const journal = createJournal(pass);
  const context: PassContext = {
    cost: setting.cost,
    ...(setting.calibration && { calibration: setting.calibration }),
    random,
    signal: setting.signal,
    progress: (done, total, what) =>
      setting.emit({ ...place, kind: 'progress', done, total, what }),
    note: (node, reason) => journal.note(node, reason),
    count: (name, value = 1) => journal.count(name, value),
    detail: (row) => journal.detail(row),
  };
  const graph = pass.run
    ? await applyRun(pass, options, context, rewrites, before)
    : await applyRules({ pass, options, context, journal, rewrites }, before);
  setting.signal.throwIfAborted();
  if (setting.verifyEach) checkResult(before, graph);
  const report: PassReport = {
    name: pass.name,
    groups: place.groups,
    options,
    ms: performance.now() - started,
    rewrites: rewrites.count - first,
    ...journal.close(),
    before: totalCost(before),
    after: totalCost(graph),
  };
  return { graph, report };
}

/** A run on its way. */
interface State {
  readonly setting: Setting;
  readonly seeds: Random;
  readonly ran: Map<string, number>;
  readonly rewrites: RewriteCounter;
  readonly reports: PassReport[];
  graph: Graph;
  place: Place;
}

/** Where items stand in the pipeline. */
interface Position {
  /** Index of their first pass. */
  readonly index: number;
  readonly groups: readonly string[];
  /** What follows them. */
  readonly rest: readonly PipelineItem[];
}

async function runPass(state: State, step: PipelineStep, at: Position): Promise<void> {
  const { setting, ran, reports } = state;
  const { name } = step.pass;
  const { index, groups } = at;
  const place: Place = { ...state.place, index, groups, pass: name, run: reports.length };
  state.place = place;
  const before = state.graph;
  setting.emit({ ...place, kind: 'pass-start', graph: before });
  await nextTurn(setting.signal);
  const occurrence = ran.get(name) ?? 0;
  try {
    // Forked by name and occurrence: putting another pass in front does not change what this one draws.
    const random = state.seeds.fork(`${name}#${occurrence}`);
    const { graph, report } = await runStep(step, before, place, state, random);
    state.graph = graph;
    reports.push(report);
    ran.set(name, occurrence + 1);
    setting.emit({ ...place, kind: 'pass-end', report, graph });
    if (setting.printAfter) printPass(setting.printAfter, place, before, graph);
  } catch (cause) {
    const error = withPlace(cause, `pass '${name}' (step ${index + 1})`, setting.signal);
    if (!setting.signal.aborted)
      setting.emit({
        ...place,
        kind: 'pass-failed',
        error,
        graph: before,
        remaining: { steps: [step, ...at.rest] },
        ran: Object.fromEntries(ran),
      });
    throw error;
  }
}

async function runItem(state: State, item: PipelineItem, at: Position): Promise<void> {
  if (item.kind === 'pass') return runPass(state, item, at);
  if (item.kind === 'group') {
    const groups = item.name === '' ? at.groups : [...at.groups, item.name];
    return runItems(state, item.steps, { ...at, groups });
  }
  for (let round = 1; round <= item.max; round++) {
    const before = state.graph;
    const left = round < item.max ? [{ ...item, max: item.max - round }] : [];
    await runItems(state, item.steps, {
      ...at,
      groups: [...at.groups, `repeat ${round}`],
      rest: [...left, ...at.rest],
    });
    if (state.rewrites.left <= 0 || !hasChanged(before, state.graph)) return;
  }
}

async function runItems(state: State, items: readonly PipelineItem[], at: Position): Promise<void> {
  let { index } = at;
  for (const [place, item] of items.entries()) {
    if (state.rewrites.left <= 0) return;
    await runItem(state, item, { ...at, index, rest: [...items.slice(place + 1), ...at.rest] });
    index += stepsOf([item]).length;
  }
}

/**
 * Runs the passes in order.
 * @throws OptionError before anything runs when a pass lacks what it needs; InvariantError when a pass leaves a
 * wrong graph or never settles; the signal's reason when cancelled. Errors name the pass and, if known, the node.
 */
export async function runPipeline(
  graph: Graph,
  pipeline: Pipeline,
  options: RunOptions = {},
): Promise<PipelineResult> {
  checkNeeds(pipeline, options);
  const setting = settingOf(options);
  const passes = stepsOf(pipeline.steps).map(({ pass }) => pass.name);
  if (setting.printAfter) checkPrintAfter(setting.printAfter, passes);
  const state: State = {
    setting,
    seeds: createRandom(options.seed ?? 0),
    ran: new Map(Object.entries(options.ran ?? {})),
    rewrites: createRewriteCounter(setting.stopAfter, (rewrite) =>
      setting.emit({ ...state.place, kind: 'rewrite', ...rewrite }),
    ),
    reports: [],
    graph,
    place: { index: 0, count: passes.length, pass: '', groups: [], run: 0 },
  };
  await runItems(state, pipeline.steps, { index: 0, groups: [], rest: [] });
  return { graph: state.graph, passes: state.reports };
}
