/** The main job: a trained network in, a cheaper network out, with a report of what was done to each layer. */
import { cpu } from '@decouple/backend-cpu';
import { totalCost, type CostModel, type Graph } from '@decouple/ir';
import {
  formatPipeline,
  runPipeline,
  type Pass,
  type PassFailure,
  type Pipeline,
  type PipelineEvent,
  type PrintAfter,
} from '@decouple/pass-manager';
import { DataError, OptionError } from '@decouple/tensor';
import { openLedger } from './ledger.ts';
import { defaults, withCalibration, type CalibrationSettings } from './calibrate.ts';
import { withHistory } from './metadata.ts';
import { parsePipeline } from './passes.ts';
import { createReport, type OptimizeReport } from './report.ts';
import { reproducerOf, type Reproducer } from './reproducer.ts';

export interface OptimizeOptions extends CalibrationSettings {
  /** What rewrites must lower. Default: MACs. */
  readonly cost?: CostModel | undefined;
  /** Passes of your own that the pipeline's text may name. */
  readonly passes?: readonly Pass[] | undefined;
  /** Stop when this many rewrites have been applied, over all passes. Default: never. */
  readonly stopAfter?: number | undefined;
  /**
   * Works out where the error comes from: each layer and the outputs after each pass, against the network as it was.
   * On up to 32 images of the calibration data, such that passes don't see if there are enough, or on random inputs
   * when there are no data. Default false.
   */
  readonly ledger?: boolean | undefined;
  /** Shows the graph, or what changed, after passes. */
  readonly printAfter?: PrintAfter | undefined;
  /**
   * Given what it takes to run a pass that failed once more, before the error is thrown. Not for wrong options or data.
   */
  readonly onFailure?: ((reproducer: Reproducer) => void | Promise<void>) | undefined;
  readonly onEvent?: ((event: PipelineEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface OptimizeResult {
  readonly graph: Graph;
  readonly report: OptimizeReport;
}

/**
 * Runs a pipeline on a network.
 * @param pipeline a text such as `fold-batch-norm, decouple{macs=0.4x}, fuse`, or a value.
 * @throws OptionError when the text or an option is wrong, or a pass needs calibration data; DataError when the data
 * don't fit the network; UnsupportedError when a ledger is asked for and the network can't be run; the signal's reason when cancelled.
 */
export async function optimize(
  graph: Graph,
  pipeline: string | Pipeline,
  options: OptimizeOptions = {},
): Promise<OptimizeResult> {
  const { cost, signal, stopAfter, printAfter, seed = defaults.seed } = options;
  const { samples = defaults.samples, backend = cpu() } = options;
  const steps = typeof pipeline === 'string' ? parsePipeline(pipeline, options.passes) : pipeline;
  const ledger = options.ledger
    ? await openLedger(graph, {
        data: options.calibration,
        seen: samples,
        seed,
        backend,
        signal,
      })
    : undefined;
  let failure: PassFailure | undefined;
  const onEvent = (event: PipelineEvent): void => {
    if (event.kind === 'pass-failed') failure = event;
    if (event.kind === 'pass-end') ledger?.add(event.pass, event.groups, event.graph);
    options.onEvent?.(event);
  };
  try {
    return await withCalibration(graph, { ...options, seed }, async (calibration) => {
      const settings = { cost, calibration, seed, signal, onEvent, stopAfter, printAfter };
      const result = await runPipeline(graph, steps, settings);
      const text = formatPipeline(steps);
      const report = createReport(
        text,
        result.passes,
        { before: graph, after: result.graph },
        { before: totalCost(graph), after: totalCost(result.graph) },
        await ledger?.close(),
      );
      return { graph: withHistory(result.graph, { pipeline: text, seed }), report };
    });
  } catch (error) {
    const ownFault = !(error instanceof OptionError || error instanceof DataError);
    if (failure && ownFault) await options.onFailure?.(reproducerFor(graph, failure, options));
    throw error;
  }
}

const reproducerFor = (
  original: Graph,
  failure: PassFailure,
  { calibration, samples, seed, backend }: OptimizeOptions,
): Reproducer =>
  reproducerOf(failure, {
    seed: seed ?? defaults.seed,
    samples: samples ?? defaults.samples,
    backend: backend?.name ?? 'cpu',
    versions: {},
    ...(calibration && { original, data: { path: calibration.name } }),
  });
