/** `decouple inspect`: layers, shapes, costs, and what can't be handled. */
import type { Command } from 'commander';
import type { Inspection } from 'decouple';
import { shapeArgument, type ForInput } from '../arguments.ts';
import { printJson, type Io } from '../io.ts';
import { loadModel } from '../loading.ts';

interface Options {
  readonly shape?: readonly ForInput<number[]>[];
  readonly all?: boolean;
  readonly json?: boolean;
}

async function formatInspection(inspection: Inspection, all: boolean): Promise<string> {
  const { formatCount, formatTable } = await import('decouple');
  const { inputs, outputs, layers, problems, macs, params } = inspection;
  const shown = layers.filter((layer) => all || layer.macs > 0 || layer.params > 0);
  const table = formatTable(
    [
      { header: 'layer' },
      { header: 'op' },
      { header: 'output' },
      { header: 'MACs', align: 'right' },
      { header: 'parameters', align: 'right' },
    ],
    shown.map((layer) => [
      layer.name,
      layer.op,
      layer.outputShape?.join('×') ?? 'unknown',
      formatCount(layer.macs),
      formatCount(layer.params),
    ]),
  );
  const hidden = layers.length - shown.length;
  const value = ({ name, type }: Inspection['outputs'][number]): string =>
    type ? `${name} ${type.dtype}[${type.shape.join(', ')}]` : `${name} of unknown type`;
  return [
    table,
    hidden ? `${hidden} more without MACs or parameters (--all shows them)\n` : '',
    `\ninputs   ${inputs.map(value).join(', ')}\n`,
    `outputs  ${outputs.map(value).join(', ')}\n`,
    `MACs ${formatCount(macs)} (${macs}), parameters ${formatCount(params)} (${params})\n`,
    ...problems.map(({ node, op, message }) => `problem: ${op} '${node}': ${message}\n`),
  ].join('');
}

export function addInspect(program: Command, io: Io): void {
  program
    .command('inspect <model>')
    .summary('show layers, shapes, MACs and parameters')
    .description(
      'Shows layers with shapes, MACs and parameters, and what can not be handled.\nMACs are multiply-accumulates per image (one MAC is two FLOPs) of convolutions and matrix products.',
    )
    .option('--shape <input=sizes>', 'sizes for an input with dynamic ones', shapeArgument)
    .option('--all', 'also layers without MACs or parameters')
    .option('--json', 'print JSON: { macs, params, layers, problems, … }')
    .addHelpText(
      'after',
      '\nExamples:\n  decouple inspect vgg16.onnx\n  decouple inspect detector.onnx --shape input=1x3x300x300 --json',
    )
    .action(async (path: string, options: Options) => {
      const { inspect } = await import('decouple');
      const inspection = inspect(await loadModel(io, path, options.shape));
      if (options.json) printJson(io, inspection);
      else io.stdout(await formatInspection(inspection, options.all ?? false));
    });
}
