/**
 * Finds the first wrong rewrite of a pipeline, unaided: runs it once, compares the outputs after every pass with those
 * before, and within the first pass that changes them halves the number of rewrites until one is left.
 *
 * Exact passes keep the function up to rounding, so that any larger difference is a fault. Approximate passes change it
 * on purpose: their error is told, and what follows is compared with the network that they leave.
 */
import type { Backend, Tensors } from '@decouple/backend';
import type { Calibration } from '@decouple/calibration';
import type { CostModel, Graph } from '@decouple/ir';
import {
  formatChanges,
  runPipeline,
  stepsOf,
  type Pass,
  type Pipeline,
  type PipelineStep,
  type Rewrite,
} from '@decouple/pass-manager';
import { nextTurn, type Tensor } from '@decouple/tensor';
import { reference } from './backends.ts';
import { compareOutputs, randomInputs } from './benchmark.ts';
import { defaults, withCalibration, type CalibrationSettings } from './calibrate.ts';
import { compile, sizesFor } from './compile.ts';
import { parsePipeline } from './passes.ts';

export interface BisectOptions extends CalibrationSettings {
  /** What the networks are compared on. Default: standard normal numbers of the seed, symbolic sizes 1. */
  readonly inputs?: Tensors | undefined;
  /** Largest difference of outputs, relative to the largest output, that is rounding. Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** The same for approximate passes. Default: their rewrites are not judged. */
  readonly approximateTolerance?: number | undefined;
  /** Runs the networks that are compared. Default: `reference()`, the interpreter. */
  readonly compareOn?: Backend | undefined;
  /** What rewrites must lower. Default: MACs. */
  readonly cost?: CostModel | undefined;
  /** Passes of your own that the pipeline's text may name. */
  readonly passes?: readonly Pass[] | undefined;
  readonly onProgress?: ((done: number, total: number, what: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A pass that ran. */
export interface BisectedPass {
  readonly pass: string;
  /** Names of the groups around it and rounds of repeats, outermost first. */
  readonly groups: readonly string[];
  readonly effect: Pass['effect'];
  readonly rewrites: number;
  /** Largest difference of outputs to those since the last approximate pass, relative to the largest of them. */
  readonly error: number;
}

export interface WrongRewrite {
  readonly pass: string;
  readonly groups: readonly string[];
  /** Counted from 1 over the whole pipeline: what `stopAfter` takes. */
  readonly number: number;
  /** Kind of op whose rule made it; absent for a pass that works on the whole graph. */
  readonly rule?: string;
  readonly node: string;
  readonly error: number;
  /** The same before the rewrite. */
  readonly errorBefore: number;
  readonly tolerance: number;
  /** Nodes that went after `-`, nodes that came after `+`. */
  readonly changes: string;
  readonly before: Graph;
  readonly after: Graph;
}

export interface BisectResult {
  /** Up to the first wrong one. */
  readonly passes: readonly BisectedPass[];
  /** Absent: nothing is wrong, as far as these inputs show. */
  readonly wrong?: WrongRewrite;
}

/** One pass as it ran within the pipeline. */
interface PassRun {
  readonly step: PipelineStep;
  readonly groups: readonly string[];
  readonly before: Graph;
  readonly after: Graph;
  /** How often each pass ran before. */
  readonly ran: Readonly<Record<string, number>>;
  /** Rewrites of the passes before, and of this one. */
  readonly first: number;
  readonly rewrites: number;
}

type Setting = Pick<BisectOptions, 'cost' | 'signal'> & {
  readonly seed: number;
  readonly calibration: Calibration | undefined;
};

async function runAll(graph: Graph, pipeline: Pipeline, setting: Setting): Promise<PassRun[]> {
  const steps = stepsOf(pipeline.steps);
  const runs: PassRun[] = [];
  const ran: Record<string, number> = {};
  let [before, first] = [graph, 0];
  await runPipeline(graph, pipeline, {
    ...setting,
    onEvent: (event) => {
      if (event.kind !== 'pass-end') return;
      const { report, groups, index, pass, graph: after } = event;
      const { rewrites } = report;
      const step = steps[index] as PipelineStep;
      runs.push({ step, groups, before, after, ran: { ...ran }, first, rewrites });
      ran[pass] = (ran[pass] ?? 0) + 1;
      before = after;
      first += rewrites;
    },
  });
  return runs;
}

/** The graph after some rewrites of a pass, and the last of them. */
async function replayPass(
  { step, before, ran }: PassRun,
  stopAfter: number,
  setting: Setting,
): Promise<{ graph: Graph; last: Rewrite | undefined }> {
  let last: Rewrite | undefined;
  const { graph } = await runPipeline(
    before,
    { steps: [step] },
    {
      ...setting,
      ran,
      stopAfter,
      verifyEach: false,
      onEvent: (event) => void (event.kind === 'rewrite' && (last = event)),
    },
  );
  return { graph, last };
}

interface Search {
  readonly setting: Setting;
  /** Difference of a graph's outputs to what they should be. */
  readonly errorOf: (graph: Graph) => Promise<number>;
  readonly tolerance: number;
  readonly onProgress: (done: number, what: string) => void;
}

/** Halves the number of rewrites of a pass whose first graph is right and whose last one is wrong. */
async function searchPass(
  run: PassRun,
  { setting, errorOf, tolerance, onProgress }: Search,
): Promise<WrongRewrite> {
  let [right, wrong] = [0, run.rewrites];
  for (let step = 0; wrong - right > 1; step++) {
    onProgress(step, `rewrites ${run.first + right + 1} to ${run.first + wrong}`);
    const middle = Math.floor((right + wrong) / 2);
    const { graph } = await replayPass(run, middle, setting);
    if ((await errorOf(graph)) <= tolerance) right = middle;
    else wrong = middle;
  }
  const { graph: before } = await replayPass(run, right, setting);
  const { graph: after, last } = await replayPass(run, wrong, setting);
  return {
    pass: run.step.pass.name,
    groups: run.groups,
    number: run.first + wrong,
    ...(last?.rule && { rule: last.rule }),
    node: last?.node ?? '',
    error: await errorOf(after),
    errorBefore: await errorOf(before),
    tolerance,
    changes: formatChanges(before, after),
    before,
    after,
  };
}

/**
 * Finds the first wrong rewrite of a pipeline. Assumes that a wrong rewrite shows in the outputs when its pass ends, and
 * that later rewrites of the pass don't hide it.
 * @param pipeline a text such as `fold-batch-norm, fuse`, or a value.
 * @throws OptionError when the text or an option is wrong; what a pass throws when it fails; UnsupportedError when the
 * network can't be run, or has inputs that random numbers don't fit; the signal's reason when cancelled.
 */
export async function bisect(
  graph: Graph,
  pipeline: string | Pipeline,
  options: BisectOptions = {},
): Promise<BisectResult> {
  const { cost, signal, seed = defaults.seed, tolerance = 1e-4 } = options;
  const { compareOn = reference(), inputs = randomInputs(graph, {}, seed) } = options;
  const steps = typeof pipeline === 'string' ? parsePipeline(pipeline, options.passes) : pipeline;
  const shapes = Object.entries(inputs).map(([name, { shape }]) => [name, shape] as const);
  const bind = sizesFor(graph, Object.fromEntries(shapes));
  const outputsOf = async (of: Graph): Promise<Record<string, Tensor>> => {
    await nextTurn(signal);
    const executable = await compile(of, compareOn, { bind });
    try {
      return await executable.run(inputs);
    } finally {
      executable.dispose();
    }
  };
  return withCalibration(graph, { ...options, seed }, async (calibration) => {
    const setting: Setting = { cost, signal, seed, calibration };
    const runs = await runAll(graph, steps, setting);
    const passes: BisectedPass[] = [];
    let expected = await outputsOf(graph);
    let error = 0;
    for (const [index, run] of runs.entries()) {
      const { name, effect } = run.step.pass;
      const progress = (part: number, what: string): void =>
        options.onProgress?.(index + part, runs.length, `${name}: ${what}`);
      progress(0, 'comparing outputs');
      const actual = run.rewrites ? await outputsOf(run.after) : undefined;
      if (actual) error = compareOutputs(expected, actual).maxRel;
      const { groups, rewrites } = run;
      passes.push({ pass: name, groups, effect, rewrites, error });
      const limit = effect === 'exact' ? tolerance : options.approximateTolerance;
      if (limit !== undefined && !(error <= limit)) {
        const target = expected;
        const wrong = await searchPass(run, {
          setting,
          errorOf: async (of) => compareOutputs(target, await outputsOf(of)).maxRel,
          tolerance: limit,
          onProgress: (step, what) => progress(1 - 0.5 ** step, what),
        });
        return { passes, wrong };
      }
      if (effect === 'approximate' && actual) [expected, error] = [actual, 0];
    }
    return { passes };
  });
}
