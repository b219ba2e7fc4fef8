/** `decouple optimize`: a model in, a cheaper model out. */
import { basename, dirname, join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import type { OptimizeResult, PipelineEvent, PrintAfter, Reproducer } from 'decouple';
import type { WriteOptions } from 'decouple/node';
import { shapeArgument, wholeNumber, type ForInput } from '../arguments.ts';
import { printJson, type Io } from '../io.ts';
import { loadModel, loadRates, preprocessFor } from '../loading.ts';
import {
  addCalibrationOptions,
  addPipelineOptions,
  loadCalibration,
  loadPipeline,
  type CalibrationOptions,
  type PipelineOptions,
} from '../pipelines.ts';
import { withProgress, type Progress } from '../progress.ts';
import { writeReport } from '../reporting.ts';
import { externalDataOption, weightsOption, writeOptions } from '../writing.ts';

interface Options extends PipelineOptions, CalibrationOptions {
  readonly output?: string;
  readonly backend: string;
  readonly cost: 'macs' | 'ms';
  readonly shape?: readonly ForInput<number[]>[];
  readonly opset?: number;
  readonly externalData?: boolean;
  readonly weights: NonNullable<WriteOptions['weights']>;
  readonly printAfter?: string;
  readonly printDir?: string;
  readonly stopAfter?: number;
  readonly ledger?: boolean;
  readonly report?: string;
  readonly json?: boolean;
}

/** All passes as one bar of `count` steps. */
export const showPipelineEvent =
  (update: Progress['update']) =>
  (event: PipelineEvent): void => {
    const { index, count, pass } = event;
    if (event.kind === 'progress')
      update(index + event.done / Math.max(1, event.total), count, `${pass}: ${event.what}`);
    else if (event.kind === 'pass-start') update(index, count, pass);
    else if (event.kind === 'pass-end') update(index + 1, count, pass);
  };

/** Prints after passes, on standard error or into files that are written at the end. */
function printsOf(
  io: Io,
  { printAfter: which, printDir: folder }: Options,
): { printAfter: PrintAfter | undefined; finish: () => Promise<void> } {
  const files: { path: string; text: string }[] = [];
  const write: PrintAfter['write'] = ({ run, pass, text }) => {
    const number = String(run + 1).padStart(2, '0');
    if (folder === undefined) io.stderr(`${text}\n`);
    else files.push({ path: join(folder, `${number}-${pass}.txt`), text });
  };
  return {
    printAfter:
      which === undefined && folder === undefined
        ? undefined
        : { which: which ?? 'changed', write },
    finish: async () => {
      const { writeFileWhole } = await import('decouple/node');
      for (const { path, text } of files) await writeFileWhole(path, text);
    },
  };
}

/** Leaves a reproducer beside the output, and says so. */
async function leaveReproducer(
  io: Io,
  made: Reproducer,
  model: Parameters<typeof preprocessFor>[1],
  options: Options,
): Promise<void> {
  const { messageOf } = await import('decouple');
  const { versions, writeReproducer } = await import('decouple/node');
  const { calibrate, output } = options;
  const folder = output === undefined ? '.' : dirname(output);
  const data =
    calibrate === undefined
      ? {}
      : {
          data: { path: resolve(calibrate), ...(await preprocessFor(calibrate, model, options)) },
        };
  try {
    const path = await writeReproducer(folder, {
      ...made,
      ...data,
      versions: versions(),
    });
    io.stderr(`decouple: to run this again: decouple reproduce ${path}\n`);
  } catch (error) {
    // The failure of the pass is what the user has to see.
    io.stderr(`decouple: no reproducer: ${messageOf(error)}\n`);
  }
}

async function optimizeModel(io: Io, path: string, options: Options): Promise<OptimizeResult> {
  const [{ cpuCostModel, optimize }, { backendByName, writeModel }] = await Promise.all([
    import('decouple'),
    import('decouple/node'),
  ]);
  const pipeline = await loadPipeline(options);
  const backend = backendByName(options.backend);
  const graph = await loadModel(io, path, options.shape);
  const calibration = await loadCalibration({ path, graph }, options);
  const { samples, seed, stopAfter, output } = options;
  const cost = options.cost === 'ms' ? cpuCostModel(await loadRates(io)) : undefined;
  const { printAfter, finish } = printsOf(io, options);
  try {
    const result = await withProgress(io, 'optimize', (update) =>
      optimize(graph, pipeline, {
        calibration,
        samples,
        seed,
        backend,
        cost,
        stopAfter,
        printAfter,
        ledger: options.ledger || options.report !== undefined,
        signal: io.signal,
        onEvent: showPipelineEvent(update),
        onFailure: (made) => leaveReproducer(io, made, { path, graph }, options),
      }),
    );
    if (output !== undefined) await writeModel(output, result.graph, writeOptions(options));
    if (options.report !== undefined)
      await writeReport(io, options.report, {
        model: basename(path),
        original: graph,
        result,
        backend,
        seed,
        ...(calibration && {
          calibration: {
            name: calibration.name,
            samples: Math.min(samples, calibration.samples),
          },
        }),
      });
    return result;
  } finally {
    await finish();
  }
}

export function addOptimize(program: Command, io: Io): void {
  const command = program
    .command('optimize <model>')
    .summary('make a model cheaper by a pipeline of passes')
    .description(
      'Runs a pipeline of passes on a model and writes the result as standard ONNX.\nReports MACs, terms and error of each layer, and why layers were left alone. When a pass fails, a reproducer is\nleft beside the output.',
    );
  addCalibrationOptions(addPipelineOptions(command))
    .option('-o, --output <file>', 'where to write the model; without it, only the report')
    .option('--backend <name>', 'runs the model on the calibration images', 'cpu')
    .addOption(
      new Option(
        '--cost <unit>',
        'what rewrites must lower: macs, or ms as a model of this machine predicts them',
      )
        .choices(['macs', 'ms'])
        .default('macs'),
    )
    .option('--shape <input=sizes>', 'sizes for an input with dynamic ones', shapeArgument)
    .option('--opset <number>', 'ONNX operator set of the output', wholeNumber(1))
    .option(...externalDataOption)
    .addOption(weightsOption())
    .option(
      '--print-after <which>',
      'after passes: `changed` nodes, `all` for the whole graph, or the graph after one PASS; to standard error',
    )
    .option('--print-dir <folder>', 'prints go into files of this folder instead')
    .option('--ledger', 'tell which layer and pass the error comes from, after each pass')
    .option(
      '--report <file>',
      'write a report as one HTML file, with the ledger and with milliseconds on the backend',
    )
    .option('--stop-after <count>', 'stop after this many rewrites', wholeNumber(0))
    .option('--json', 'print JSON: { before, after, passes, layers, ledger?, … }')
    .addHelpText(
      'after',
      '\nExamples:\n  decouple optimize vgg16.onnx -o fast.onnx\n  decouple optimize vgg16.onnx -p "fold-batch-norm, decouple{macs=0.4x}" --calibrate images -o fast.onnx\n  decouple optimize vgg16.onnx -p "fold-batch-norm, decompose{ms=0.5x}" --cost ms --calibrate images -o fast.onnx\n  decouple optimize vgg16.onnx -p @pipeline.json --print-after changed\n  decouple optimize vgg16.onnx --calibrate images -o fast.onnx --report fast.html',
    )
    .action(async (path: string, options: Options) => {
      const { graph, report } = await optimizeModel(io, path, options);
      if (options.json) {
        const { pipeline, before, after, passes, layers, ledger } = report;
        printJson(io, {
          model: graph.name,
          pipeline,
          before,
          after,
          passes,
          layers,
          ledger,
          output: options.output,
        });
      } else {
        io.stdout(report.table());
        for (const file of [options.output, options.report])
          if (file !== undefined) io.stdout(`\nwrote ${file}\n`);
      }
    });
}
