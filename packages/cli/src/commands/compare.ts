/** `decouple compare`: how far the outputs of two models are apart. */
import type { Command } from 'commander';
import { fileArgument, type ForInput } from '../arguments.ts';
import { printJson, type Io } from '../io.ts';
import { loadModel } from '../loading.ts';
import { readInputs, runOnce } from './run.ts';

interface Options {
  readonly input?: readonly ForInput<string>[];
  readonly backend: string;
  readonly json?: boolean;
}

export function addCompare(program: Command, io: Io): void {
  program
    .command('compare <first> <second>')
    .summary('compare the outputs of two models')
    .description(
      'Runs two models on the same input and compares their outputs, paired by order. Relative differences\nare to the largest output of the first model.',
    )
    .option(
      '--input <file>',
      'X.npy, or name=X.npy for each input; random by default',
      fileArgument,
    )
    .option('--backend <name>', 'what runs the models', 'cpu')
    .option('--json', 'print JSON: { maxAbs, maxRel }')
    .addHelpText('after', '\nExample:\n  decouple compare vgg16.onnx fast.onnx --input x.npy')
    .action(async (first: string, second: string, options: Options) => {
      const { compareOutputs, randomInputs } = await import('decouple');
      const [a, b] = [await loadModel(io, first), await loadModel(io, second)];
      const files = options.input ?? [];
      const inputs = files.length ? await readInputs(a, files) : randomInputs(a);
      const expected = await runOnce(a, inputs, options.backend);
      io.signal.throwIfAborted();
      const values = Object.values(inputs);
      const renamed = Object.fromEntries(
        b.inputs.flatMap(({ name }, index) => {
          const value = inputs[name] ?? values[index];
          return value ? [[name, value]] : [];
        }),
      );
      const actual = await runOnce(b, renamed, options.backend);
      const gap = compareOutputs(expected, actual);
      if (options.json) return printJson(io, gap);
      io.stdout(
        `largest difference ${gap.maxAbs.toExponential(2)}, relative ${gap.maxRel.toExponential(2)}\n`,
      );
    });
}
