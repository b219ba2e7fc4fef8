/** `decouple export`: writes a model anew, as ONNX or as text. */
import type { Command } from 'commander';
import { shapeArgument, wholeNumber, type ForInput } from '../arguments.ts';
import type { Io } from '../io.ts';
import { loadModel } from '../loading.ts';
import { externalDataOption, writeOptions } from '../writing.ts';

interface Options {
  readonly output?: string;
  readonly opset?: number;
  readonly text?: boolean;
  readonly externalData?: boolean;
  readonly shape?: readonly ForInput<number[]>[];
}

export function addExport(program: Command, io: Io): void {
  program
    .command('export <model>')
    .summary('write a model anew, as ONNX or text')
    .description(
      'Imports a model and writes it as ONNX of the given operator set, or as text. Text goes to a file with all\nweights, or to standard output with long constants left out.',
    )
    .option('-o, --output <file>', 'where to write')
    .option('--opset <number>', 'ONNX operator set', wholeNumber(1))
    .option(...externalDataOption)
    .option('--text', 'write the textual form')
    .option('--shape <input=sizes>', 'sizes for an input with dynamic ones', shapeArgument)
    .addHelpText(
      'after',
      '\nExamples:\n  decouple export old.onnx -o new.onnx --opset 17\n  decouple export vgg16.onnx --text',
    )
    .action(async (path: string, options: Options) => {
      const [{ OptionError, printGraph }, { writeFileWhole, writeModel }] = await Promise.all([
        import('decouple'),
        import('decouple/node'),
      ]);
      const { output } = options;
      if (output === undefined && !options.text)
        throw new OptionError('give -o FILE, or --text to print the model');
      const graph = await loadModel(io, path, options.shape);
      if (output === undefined)
        return io.stdout(printGraph(graph, { constants: 'summary', types: graph.types }));
      if (options.text) await writeFileWhole(output, printGraph(graph));
      else await writeModel(output, graph, writeOptions(options));
      io.stdout(`wrote ${output}\n`);
    });
}
