/** `decouple compile`: a model as files that run on their own. */
import { Option, type Command } from 'commander';
import { shapeArgument, type ForInput } from '../arguments.ts';
import { printJson, type Io } from '../io.ts';
import { loadModel } from '../loading.ts';
import { weightsOption } from '../writing.ts';

interface Options {
  readonly output: string;
  readonly weights: 'f32' | 'f16' | 'i8';
  readonly winograd: 'off' | 'f2' | 'f4';
  readonly shape?: readonly ForInput<number[]>[];
  readonly json?: boolean;
}

export function addCompile(program: Command, io: Io): void {
  program
    .command('compile <model>')
    .summary('make files that run a model without this project')
    .description(
      'Compiles a model ahead of time: a WebAssembly file with code and weights, a small module that loads it in Node\nand in browsers, and its types. Sizes are fixed, the batch is 1 unless --shape says otherwise.',
    )
    .requiredOption('-o, --output <folder>', 'where to write the files')
    .addOption(weightsOption())
    .addOption(
      new Option('--winograd <tile>', 'the largest tile of the fast 3×3 convolutions')
        .choices(['off', 'f2', 'f4'])
        .default('f4'),
    )
    .option('--shape <input=sizes>', 'sizes for an input with dynamic ones', shapeArgument)
    .option('--json', 'print JSON: { files: [{ path, bytes }], codeBytes }')
    .addHelpText('after', '\nExample:\n  decouple compile fast.onnx -o site/ --weights f16')
    .action(async (path: string, options: Options) => {
      const { compileFiles, rememberedRates } = await import('decouple/node');
      const { formatCount } = await import('decouple');
      const graph = await loadModel(io, path, options.shape);
      const { weights, winograd } = options;
      const rates = rememberedRates();
      const written = await compileFiles(path, graph, options.output, { weights, winograd, rates });
      if (options.json) return printJson(io, written);
      for (const file of written.files)
        io.stdout(`wrote ${file.path} (${formatCount(file.bytes)}B)\n`);
      io.stdout(`code: ${formatCount(written.codeBytes)}B with and without fused multiply-add\n`);
    });
}
