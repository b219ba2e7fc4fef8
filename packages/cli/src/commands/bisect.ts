/** `decouple bisect`: which rewrite is wrong. */
import type { Command } from 'commander';
import type { BisectedPass, BisectResult, WrongRewrite } from 'decouple';
import { fileArgument, positiveNumber, shapeArgument, type ForInput } from '../arguments.ts';
import { printJson, type Io } from '../io.ts';
import { loadModel } from '../loading.ts';
import {
  addCalibrationOptions,
  addPipelineOptions,
  loadCalibration,
  loadPipeline,
  type CalibrationOptions,
  type PipelineOptions,
} from '../pipelines.ts';
import { withProgress } from '../progress.ts';
import { readInputs } from './run.ts';

interface Options extends PipelineOptions, CalibrationOptions {
  readonly input?: readonly ForInput<string>[];
  readonly tolerance: number;
  readonly approximateTolerance?: number;
  readonly backend: string;
  readonly shape?: readonly ForInput<number[]>[];
  readonly json?: boolean;
}

async function bisectModel(io: Io, path: string, options: Options): Promise<BisectResult> {
  const [{ bisect }, { backendByName }] = await Promise.all([
    import('decouple'),
    import('decouple/node'),
  ]);
  const pipeline = await loadPipeline(options);
  const compareOn = backendByName(options.backend);
  const graph = await loadModel(io, path, options.shape);
  const calibration = await loadCalibration({ path, graph }, options);
  const { samples, seed, tolerance, approximateTolerance, input } = options;
  return withProgress(io, 'bisect', async (onProgress) =>
    bisect(graph, pipeline, {
      calibration,
      samples,
      seed,
      compareOn,
      inputs: input && (await readInputs(graph, input)),
      tolerance,
      approximateTolerance,
      signal: io.signal,
      onProgress,
    }),
  );
}

async function formatPasses(passes: readonly BisectedPass[]): Promise<string> {
  const { formatTable } = await import('decouple');
  return formatTable(
    [
      { header: 'pass' },
      { header: 'effect' },
      { header: 'rewrites', align: 'right' },
      { header: 'outputs differ by', align: 'right' },
    ],
    passes.map(({ pass, groups, effect, rewrites, error }) => [
      [...groups, pass].join('/'),
      effect,
      String(rewrites),
      error.toExponential(1),
    ]),
  );
}

/** Text that a shell takes as one word. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function formatWrong(wrong: WrongRewrite, path: string, options: Options): string {
  const { number, pass, groups, rule, node, error, errorBefore, tolerance, changes } = wrong;
  const command = (stopAfter: number, file: string): string =>
    [
      `  decouple optimize ${quote(path)} -p ${quote(options.pipeline)}`,
      ...(options.passes === undefined ? [] : [`--passes ${quote(options.passes)}`]),
      ...(options.shape ?? []).map(({ input, value }) =>
        ['--shape', quote(`${input === undefined ? '' : `${input}=`}${value.join('x')}`)].join(' '),
      ),
      ...(options.calibrate === undefined
        ? []
        : [`--calibrate ${quote(options.calibrate)} --samples ${options.samples}`]),
      ...(options.mean ? [`--mean ${options.mean.join(',')}`] : []),
      ...(options.std ? [`--std ${options.std.join(',')}`] : []),
      `--seed ${options.seed} --stop-after ${stopAfter} -o ${file}\n`,
    ].join(' ');
  return [
    `\nThe first wrong rewrite is number ${number}, of pass ${[...groups, pass].join('/')}`,
    rule === undefined ? '' : `, rule ${rule}`,
    `, at node '${node}'.\n`,
    `Outputs differ by ${error.toExponential(1)} after it and by ${errorBefore.toExponential(1)} before it; `,
    `${tolerance} is allowed.\n\n${changes}\nTo get the networks before and after it:\n`,
    command(number - 1, 'right.onnx'),
    command(number, 'wrong.onnx'),
  ].join('');
}

export function addBisect(program: Command, io: Io): void {
  const command = program
    .command('bisect <model>')
    .summary('find the first wrong rewrite of a pipeline')
    .description(
      'Runs a pipeline, compares outputs after each pass, and finds the first rewrite that changes them more than\nrounding does. Rewrites of approximate passes change outputs on purpose: they are judged only when given a\ntolerance. Exit code 1 when a rewrite is wrong.',
    );
  addCalibrationOptions(addPipelineOptions(command))
    .option(
      '--input <file>',
      'X.npy, or name=X.npy for each input; random by default',
      fileArgument,
    )
    .option(
      '--tolerance <number>',
      'largest difference of outputs that is rounding, relative to the largest output',
      positiveNumber,
      1e-4,
    )
    .option(
      '--approximate-tolerance <number>',
      'the same for approximate passes; by default they are not judged',
      positiveNumber,
    )
    .option('--backend <name>', 'runs the networks that are compared', 'reference')
    .option('--shape <input=sizes>', 'sizes for an input with dynamic ones', shapeArgument)
    .option('--json', 'print JSON: { passes, wrong: { pass, rule, node, number, error, … } }')
    .addHelpText(
      'after',
      '\nExamples:\n  decouple bisect net.onnx -p "fold-batch-norm, fuse"\n  decouple bisect net.onnx -p "my-pass, fuse" --passes ./my-pass.js --input x.npy',
    )
    .action(async (path: string, options: Options) => {
      const { ModelError } = await import('decouple');
      const { passes, wrong } = await bisectModel(io, path, options);
      if (options.json) {
        const named = wrong && { ...wrong, before: undefined, after: undefined };
        printJson(io, { passes, ...(named && { wrong: named }) });
      } else {
        io.stdout(await formatPasses(passes));
        io.stdout(wrong ? formatWrong(wrong, path, options) : '\nno rewrite is wrong\n');
      }
      if (wrong) throw new ModelError(`rewrite ${wrong.number}, of pass '${wrong.pass}', is wrong`);
    });
}
