/** What commands that run pipelines share: their options, and how these become a pipeline and data. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Dataset, Graph, Pass, Pipeline } from 'decouple';
import { numberList, wholeNumber } from './arguments.ts';
import { loadData, preprocessFor, type DataOptions } from './loading.ts';

export interface PipelineOptions {
  readonly pipeline: string;
  readonly passes?: string;
}

/** Options that say what to run. */
export const addPipelineOptions = (command: Command): Command =>
  command
    .option(
      '-p, --pipeline <text>',
      'passes with options, as text or JSON, or @FILE that holds them; `decouple passes` lists them',
      'fold-batch-norm, decouple',
    )
    .option('--passes <module>', 'JavaScript or TypeScript file that exports passes of your own');

export interface CalibrationOptions extends DataOptions {
  readonly calibrate?: string;
  readonly samples: number;
  readonly seed: number;
}

/** Options that say on which data. */
export const addCalibrationOptions = (command: Command): Command =>
  command
    .option(
      '--calibrate <folder>',
      'images that show passes what the layers see; "synthetic" draws some, for those who have none',
    )
    .option('--samples <count>', 'how many of them', wholeNumber(1), 512)
    .option('--seed <number>', 'for all that is drawn', wholeNumber(0), 1)
    .option('--mean <a,b,c>', 'subtracted from pixels in 0..1', numberList)
    .option('--std <a,b,c>', 'pixels are divided by it', numberList);

/** Passes of the user's own. */
export async function loadOwnPasses(path: string | undefined): Promise<Pass[]> {
  if (path === undefined) return [];
  const { loadPasses } = await import('decouple/node');
  return loadPasses(path);
}

/**
 * The pipeline that the options ask for.
 * @throws OptionError with the column; DataError when a file can't be read.
 */
export async function loadPipeline({ pipeline, passes }: PipelineOptions): Promise<Pipeline> {
  const { DataError, messageOf, parsePipeline } = await import('decouple');
  const own = await loadOwnPasses(passes);
  if (!pipeline.startsWith('@')) return parsePipeline(pipeline, own);
  const path = pipeline.slice(1);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new DataError(`${path}: can't be read: ${messageOf(error)}`, { cause: error });
  });
  return parsePipeline(text, own);
}

/** Images drawn for the model's input, normalised as pictures are. */
async function drawImages(
  model: { readonly path: string; readonly graph: Graph },
  options: CalibrationOptions,
): Promise<Dataset> {
  const { syntheticDataset } = await import('decouple');
  const shape = model.graph.inputs[0]?.type.shape.slice(1) ?? [];
  const preprocess = await preprocessFor(model.path, model, options);
  return syntheticDataset({
    sampleShape: shape.map((dim) => (typeof dim === 'number' ? dim : 0)),
    samples: options.samples,
    seed: options.seed,
    ...(preprocess && { preprocess }),
  });
}

/** Calibration images, if there are any. */
export async function loadCalibration(
  model: { readonly path: string; readonly graph: Graph },
  options: CalibrationOptions,
): Promise<Dataset | undefined> {
  const { calibrate } = options;
  if (calibrate === undefined) return undefined;
  return calibrate === 'synthetic'
    ? drawImages(model, options)
    : loadData(calibrate, model, options);
}
