/** `decouple convert`: the same model in another format. */
import type { Command } from 'commander';
import type { WriteOptions } from 'decouple/node';
import { wholeNumber } from '../arguments.ts';
import type { Io } from '../io.ts';
import { loadModel } from '../loading.ts';
import { externalDataOption, weightsOption, writeOptions } from '../writing.ts';

interface Options {
  readonly opset?: number;
  readonly externalData?: boolean;
  readonly weights: NonNullable<WriteOptions['weights']>;
}

export function addConvert(program: Command, io: Io): void {
  program
    .command('convert <model> <output>')
    .summary('write a model in another format')
    .description(
      'Writes a model in the format of the output file: .onnx, .dcpl (loads fastest), or .txt.\nA preprocess.json beside the model is recorded in it.',
    )
    .option('--opset <number>', 'ONNX operator set', wholeNumber(1))
    .option(...externalDataOption)
    .addOption(weightsOption())
    .addHelpText(
      'after',
      '\nExamples:\n  decouple convert vgg16.onnx vgg16.dcpl\n  decouple convert vgg16.onnx small.onnx --weights i8',
    )
    .action(async (path: string, output: string, options: Options) => {
      const [{ withPreprocess }, { readPreprocess, writeModel }] = await Promise.all([
        import('decouple'),
        import('decouple/node'),
      ]);
      const graph = await loadModel(io, path);
      const preprocess = readPreprocess(path);
      const noted = preprocess ? withPreprocess(graph, preprocess) : graph;
      await writeModel(output, noted, writeOptions(options));
      io.stdout(`wrote ${output}\n`);
    });
}
