/** `decouple graph`: a picture of a network. */
import type { Command } from 'commander';
import { shapeArgument, type ForInput } from '../arguments.ts';
import type { Io } from '../io.ts';
import { loadModel } from '../loading.ts';

interface Options {
  readonly output: string;
  readonly shape?: readonly ForInput<number[]>[];
}

export function addGraph(program: Command, io: Io): void {
  program
    .command('graph <model>')
    .summary('draw a network as SVG')
    .description(
      'Draws a network as SVG: a box for each node with its shape and MACs; activations and normalisations stand in the\nbox of the node that they follow.',
    )
    .requiredOption('-o, --output <file>', 'where to write')
    .option('--shape <input=sizes>', 'sizes for an input with dynamic ones', shapeArgument)
    .addHelpText('after', '\nExample:\n  decouple graph vgg16.onnx -o vgg16.svg')
    .action(async (path: string, { output, shape }: Options) => {
      const [{ writeFileWhole }, { drawingOf, renderDrawing }] = await Promise.all([
        import('decouple/node'),
        import('@decouple/report'),
      ]);
      const graph = await loadModel(io, path, shape);
      await writeFileWhole(output, renderDrawing(drawingOf(graph)));
      io.stdout(`wrote ${output}\n`);
    });
}
