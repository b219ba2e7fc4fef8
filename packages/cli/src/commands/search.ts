/** `decouple search`: the cheapest network within a budget. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Found, SearchLimits } from 'decouple';
import { wholeNumber } from '../arguments.ts';
import { printJson, type Io } from '../io.ts';
import { loadData, loadModel, loadRates } from '../loading.ts';
import {
  addCalibrationOptions,
  loadCalibration,
  loadOwnPasses,
  type CalibrationOptions,
} from '../pipelines.ts';
import { withProgress } from '../progress.ts';

interface Options extends CalibrationOptions {
  readonly maxDrop?: number;
  readonly maxMacs?: number | { share: number };
  readonly maxParams?: number | { share: number };
  readonly maxMs?: number | { share: number };
  readonly minimize?: 'macs' | 'params' | 'ms' | 'drop';
  readonly eval?: string;
  readonly metric: string;
  readonly limit?: number;
  readonly pipeline?: readonly string[];
  readonly passes?: string;
  readonly backend: string;
  readonly cache: string;
  readonly output?: string;
  readonly json?: boolean;
}

/** `1%` or `1`: percentage points; `0.1dB`. */
function dropArgument(text: string): number {
  const found = /^(\d*\.?\d+)\s*(%|points?|dB)?$/.exec(text);
  if (!found) throw new InvalidArgumentError('Expected a loss like 1% or 0.1dB.');
  return Number(found[1]);
}

/** `0.5x`, `40M` or a plain number. */
function amountArgument(text: string): number | { share: number } {
  const found = /^(\d*\.?\d+)(x|[KMG])?$/.exec(text);
  if (!found) throw new InvalidArgumentError('Expected a share like 0.5x, or a number like 40M.');
  const value = Number(found[1]);
  if (found[2] === 'x') return { share: value };
  return value * { K: 1e3, M: 1e6, G: 1e9 }[(found[2] ?? '') as 'K'] || value;
}

const list = (text: string, previous: readonly string[] = []): string[] => [...previous, text];
const cacheFolder = (): string =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'decouple', 'search');

async function run(io: Io, path: string, options: Options): Promise<Found> {
  const [
    { metricByName, OptionError, sampleDataset, search },
    { backendByName, folderStore, writeModel },
  ] = await Promise.all([import('decouple'), import('decouple/node')]);
  const backend = backendByName(options.backend);
  const graph = await loadModel(io, path);
  const calibration = await loadCalibration({ path, graph }, options);
  const passes = await loadOwnPasses(options.passes);
  const data =
    options.eval === undefined ? undefined : await loadData(options.eval, { path, graph }, options);
  if (options.maxDrop !== undefined && !data)
    throw new OptionError('--max-drop needs --eval, the data on which the loss is measured');
  const measured =
    data && options.limit !== undefined && options.limit < data.samples
      ? sampleDataset(data, options.limit, 0)
      : data;
  const limits: SearchLimits = {
    drop: options.maxDrop,
    macs: options.maxMacs,
    params: options.maxParams,
    ms: options.maxMs,
  };
  const inTime = options.maxMs !== undefined || options.minimize === 'ms';
  const rates = inTime ? await loadRates(io) : undefined;
  const found = await withProgress(io, 'search', (update) =>
    search(graph, {
      limits,
      minimize: options.minimize,
      rates,
      ...(measured && { metric: metricByName(options.metric, measured), metricData: measured }),
      calibration,
      samples: options.samples,
      seed: options.seed,
      backend,
      families: options.pipeline,
      passes,
      store: folderStore(options.cache),
      signal: io.signal,
      onProgress: ({ done, total, pipeline }) => update(done, total, pipeline),
    }),
  );
  if (options.output !== undefined) await writeModel(options.output, found.graph);
  return found;
}

function describe({ best, trials, originalScore, report }: Found, options: Options): string {
  const rows = trials.map(
    ({ pipeline, macs, ms, drop }) =>
      `  ${(report.before.macs / macs).toFixed(2)}x MACs${ms === undefined ? '' : `, ${ms.toPrecision(3)} ms`}${drop === undefined ? '' : `, drop ${drop.toFixed(2)}`}  ${pipeline}`,
  );
  const score =
    originalScore === undefined
      ? ''
      : `; ${options.metric} of the original ${originalScore.toFixed(2)}`;
  return `${trials.length} trials${score}\n${rows.join('\n')}\n\nbest: ${best.pipeline}\n\n${report.table()}`;
}

export function addSearch(program: Command, io: Io): void {
  const command = program
    .command('search <model>')
    .summary('find the cheapest form of a model within a budget')
    .description(
      'Tries pipelines with ever smaller budgets, measures each, and keeps the cheapest within the limits.\nWhat was measured is remembered: a search that was stopped goes on where it was.\nThe loss is measured on --eval; report the final accuracy on images that no search has seen.',
    );
  addCalibrationOptions(command)
    .option('--max-drop <loss>', 'largest loss: 1% (points of accuracy)', dropArgument)
    .option('--max-macs <amount>', 'largest MACs: 0.5x or 40M', amountArgument)
    .option('--max-params <amount>', 'largest number of weights: 0.5x or 1M', amountArgument)
    .option(
      '--max-ms <amount>',
      'longest run on one thread of this machine, as predicted: 0.5x or 1.2',
      amountArgument,
    )
    .addOption(
      new Option(
        '--minimize <what>',
        'by default macs, or drop when only costs are limited; ms asks a model of this machine',
      ).choices(['macs', 'params', 'ms', 'drop']),
    )
    .option('--eval <folder>', 'labelled images to measure the loss on')
    .option(
      '--metric <name>',
      'top1, top5, or agreement with the original (needs no labels)',
      'top1',
    )
    .option('--limit <count>', 'measure on so many of them', wholeNumber(1))
    .option(
      '-p, --pipeline <text>',
      'a pipeline with $ for the share of MACs or ms, like "decouple{macs=$x}"; may be repeated',
      list,
    )
    .option('--passes <module>', 'JavaScript or TypeScript file that exports passes of your own')
    .option('--backend <name>', 'runs the models', 'cpu')
    .option('--cache <folder>', 'where measured trials are kept', cacheFolder())
    .option('-o, --output <file>', 'where to write the best model')
    .option('--json', 'print JSON: { best, trials, originalScore }')
    .addHelpText(
      'after',
      '\nExamples:\n  decouple search vgg16.onnx --max-drop 1% --calibrate train --eval validation -o fast.onnx\n  decouple search vgg16.onnx --max-drop 1% --minimize ms --calibrate train --eval validation -o fast.onnx\n  decouple search vgg16.onnx --max-macs 0.3x --calibrate train --eval validation -o fast.onnx',
    )
    .action(async (path: string, options: Options) => {
      const found = await run(io, path, options);
      if (options.json) {
        const { best, trials, originalScore } = found;
        return printJson(io, { best, trials, originalScore, output: options.output });
      }
      io.stdout(describe(found, options));
      if (options.output !== undefined) io.stdout(`\nwrote ${options.output}\n`);
    });
}
