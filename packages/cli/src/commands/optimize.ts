/** `decouple optimize`: a model in, a cheaper model out. */
import type { Command } from 'commander';
import type { OptimizeResult, PipelineEvent } from 'decouple';
import { numberList, shapeArgument, wholeNumber, type ForInput } from '../arguments.ts';
import { printJson, type Io } from '../io.ts';
import { loadData, loadModel } from '../loading.ts';
import { withProgress, type Progress } from '../progress.ts';
import { externalDataOption, writeOptions } from '../writing.ts';

interface Options {
  readonly pipeline: string;
  readonly output?: string;
  readonly calibrate?: string;
  readonly samples: number;
  readonly seed: number;
  readonly backend: string;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly shape?: readonly ForInput<number[]>[];
  readonly opset?: number;
  readonly externalData?: boolean;
  readonly json?: boolean;
}

/** All passes as one bar of `count` steps. */
const showEvent =
  (update: Progress['update']) =>
  (event: PipelineEvent): void => {
    const { index, count, pass } = event;
    if (event.kind === 'progress')
      update(index + event.done / Math.max(1, event.total), count, `${pass}: ${event.what}`);
    else update(event.kind === 'pass-end' ? index + 1 : index, count, pass);
  };

async function optimizeModel(io: Io, path: string, options: Options): Promise<OptimizeResult> {
  const [{ optimize, parsePipeline }, { backendByName, writeModel }] = await Promise.all([
    import('decouple'),
    import('decouple/node'),
  ]);
  const pipeline = parsePipeline(options.pipeline);
  const backend = backendByName(options.backend);
  const graph = await loadModel(io, path, options.shape);
  const calibration =
    options.calibrate === undefined
      ? undefined
      : await loadData(options.calibrate, { path, graph }, options);
  const result = await withProgress(io, 'optimize', (update) =>
    optimize(graph, pipeline, {
      calibration,
      samples: options.samples,
      seed: options.seed,
      backend,
      signal: io.signal,
      onEvent: showEvent(update),
    }),
  );
  if (options.output !== undefined)
    await writeModel(options.output, result.graph, writeOptions(options));
  return result;
}

export function addOptimize(program: Command, io: Io): void {
  program
    .command('optimize <model>')
    .summary('make a model cheaper by a pipeline of passes')
    .description(
      'Runs a pipeline of passes on a model and writes the result as standard ONNX.\nReports MACs, terms and error of each layer, and why layers were left alone.',
    )
    .option(
      '-p, --pipeline <text>',
      'passes with options; `decouple passes` lists them',
      'fold-batch-norm, decouple',
    )
    .option('-o, --output <file>', 'where to write the model; without it, only the report')
    .option('--calibrate <folder>', 'images that show passes what the layers see')
    .option('--samples <count>', 'how many of them', wholeNumber(1), 512)
    .option('--seed <number>', 'for all that is drawn', wholeNumber(0), 1)
    .option('--backend <name>', 'runs the model on the calibration images', 'cpu')
    .option('--mean <a,b,c>', 'subtracted from pixels in 0..1', numberList)
    .option('--std <a,b,c>', 'pixels are divided by it', numberList)
    .option('--shape <input=sizes>', 'sizes for an input with dynamic ones', shapeArgument)
    .option('--opset <number>', 'ONNX operator set of the output', wholeNumber(1))
    .option(...externalDataOption)
    .option('--json', 'print JSON: { before, after, passes, layers, … }')
    .addHelpText(
      'after',
      '\nExamples:\n  decouple optimize vgg16.onnx -o fast.onnx\n  decouple optimize vgg16.onnx -p "fold-batch-norm, decouple{macs=0.4x}" --calibrate images -o fast.onnx',
    )
    .action(async (path: string, options: Options) => {
      const { graph, report } = await optimizeModel(io, path, options);
      if (options.json) {
        const { pipeline, before, after, passes, layers } = report;
        printJson(io, {
          model: graph.name,
          pipeline,
          before,
          after,
          passes,
          layers,
          output: options.output,
        });
      } else {
        io.stdout(report.table());
        if (options.output !== undefined) io.stdout(`\nwrote ${options.output}\n`);
      }
    });
}
