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
import { createRandom, InvariantError, OptionError, type Random } from '@decouple/tensor';
import type { PassContext } from './define-pass.ts';
import { withPlace } from './errors.ts';
import type { Pipeline, PipelineStep } from './pipeline.ts';
import { createLedger, type PassReport, type PipelineResult } from './report.ts';
import { applyRules, pause } from './rules.ts';

interface Place {
  /** Index of the pass in the pipeline, and how many there are. */
  readonly index: number;
  readonly count: number;
  readonly pass: string;
}

export type PipelineEvent =
  | (Place & { readonly kind: 'pass-start' })
  | (Place & {
      readonly kind: 'progress';
      readonly done: number;
      readonly total: number;
      readonly what: string;
    })
  | (Place & { readonly kind: 'pass-end'; readonly report: PassReport; readonly graph: Graph });

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
}

/** Everything a run needs, with defaults filled in. */
interface Setting {
  readonly cost: CostModel;
  readonly calibration: Calibration | undefined;
  readonly signal: AbortSignal;
  readonly emit: (event: PipelineEvent) => void;
  readonly verifyEach: boolean;
}

function checkNeeds({ steps }: Pipeline, { calibration }: RunOptions): void {
  for (const { pass, options } of steps)
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

/** Nodes of `before` that `after` does not hold as they were. */
function countGone(before: Graph, after: Graph): number {
  const kept = new Set(after.nodes);
  return before.nodes.filter((node) => !kept.has(node)).length;
}

async function runStep(
  { pass, options }: PipelineStep,
  before: Graph,
  place: Place,
  random: Random,
  setting: Setting,
): Promise<{ graph: Graph; report: PassReport }> {
  const started = performance.now();
  const ledger = createLedger(pass);
  const context: PassContext = {
    cost: setting.cost,
    ...(setting.calibration && { calibration: setting.calibration }),
    random,
    signal: setting.signal,
    progress: (done, total, what) =>
      setting.emit({ ...place, kind: 'progress', done, total, what }),
    note: (node, reason) => ledger.note(node, reason),
    count: (name, value = 1) => ledger.count(name, value),
    detail: (row) => ledger.detail(row),
  };
  let result: { graph: Graph; rewrites: number };
  if (pass.run) {
    const graph = applyPatch(await pass.run(before, options, context), { remove: [] });
    result = { graph, rewrites: countGone(before, graph) };
  } else {
    result = await applyRules({ pass, options, context, ledger }, before);
  }
  setting.signal.throwIfAborted();
  if (setting.verifyEach) checkResult(before, result.graph);
  const report: PassReport = {
    name: pass.name,
    options,
    ms: performance.now() - started,
    rewrites: result.rewrites,
    ...ledger.close(),
    before: totalCost(before),
    after: totalCost(result.graph),
  };
  return { graph: result.graph, report };
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
  const setting: Setting = {
    cost: options.cost ?? macsCostModel,
    calibration: options.calibration,
    signal: options.signal ?? new AbortController().signal,
    emit: (event) => options.onEvent?.(event),
    verifyEach: options.verifyEach ?? true,
  };
  const seeds = createRandom(options.seed ?? 0);
  const occurrences = new Map<string, number>();
  const passes: PassReport[] = [];
  let current = graph;
  for (const [index, step] of pipeline.steps.entries()) {
    const name = step.pass.name;
    const place: Place = { index, count: pipeline.steps.length, pass: name };
    const occurrence = occurrences.get(name) ?? 0;
    occurrences.set(name, occurrence + 1);
    setting.emit({ ...place, kind: 'pass-start' });
    await pause();
    setting.signal.throwIfAborted();
    try {
      // Forked by name and occurrence: putting another pass in front does not change what this one draws.
      const random = seeds.fork(`${name}#${occurrence}`);
      const done = await runStep(step, current, place, random, setting);
      current = done.graph;
      passes.push(done.report);
    } catch (error) {
      throw withPlace(error, `pass '${name}' (step ${index + 1})`, setting.signal);
    }
    setting.emit({
      ...place,
      kind: 'pass-end',
      report: passes[index] as PassReport,
      graph: current,
    });
  }
  return { graph: current, passes };
}
