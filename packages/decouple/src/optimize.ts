/** The main job: a trained network in, a cheaper network out, with a report of what was done to each layer. */
import type { Backend } from '@decouple/backend';
import { cpu } from '@decouple/backend-cpu';
import { createCalibration, sampleDataset, type Dataset } from '@decouple/calibration';
import { totalCost, type CostModel, type Graph } from '@decouple/ir';
import {
  formatPipeline,
  runPipeline,
  type Pass,
  type Pipeline,
  type PipelineEvent,
} from '@decouple/pass-manager';
import { parsePipeline } from './passes.ts';
import { createReport, type OptimizeReport } from './report.ts';

export interface OptimizeOptions {
  /** Preprocessed images that show passes what the layers see; never those on which accuracy is reported. */
  readonly calibration?: Dataset | undefined;
  /** How many of them, equally many per class when labels are known. Default 512. */
  readonly samples?: number | undefined;
  /** For the choice of samples and all that passes draw. Same input, options and seed: same result. Default 1. */
  readonly seed?: number | undefined;
  /** Runs networks on the calibration data. Default: `cpu()`. */
  readonly backend?: Backend | undefined;
  /** What rewrites must lower. Default: MACs. */
  readonly cost?: CostModel | undefined;
  /** Passes of your own that the pipeline's text may name. */
  readonly passes?: readonly Pass[] | undefined;
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
 * don't fit the network; the signal's reason when cancelled.
 */
export async function optimize(
  graph: Graph,
  pipeline: string | Pipeline,
  options: OptimizeOptions = {},
): Promise<OptimizeResult> {
  const { seed = 1, samples = 512, cost, onEvent, signal } = options;
  const steps = typeof pipeline === 'string' ? parsePipeline(pipeline, options.passes) : pipeline;
  const calibration =
    options.calibration &&
    createCalibration({
      original: graph,
      dataset: sampleDataset(options.calibration, samples, seed),
      backend: options.backend ?? cpu(),
      seed,
    });
  try {
    const result = await runPipeline(graph, steps, { cost, calibration, seed, signal, onEvent });
    const report = createReport(
      formatPipeline(steps),
      result.passes,
      { before: graph, after: result.graph },
      { before: totalCost(graph), after: totalCost(result.graph) },
    );
    return { graph: result.graph, report };
  } finally {
    calibration?.dispose();
  }
}
