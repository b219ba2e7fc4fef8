/** `decouple run`: arrays in, an array out. */
import type { Command } from 'commander';
import type { Graph, Tensor } from 'decouple';
import { fileArgument, inputNamed, type ForInput } from '../arguments.ts';
import { printJson, type Io } from '../io.ts';
import { loadModel } from '../loading.ts';

/** Tensors by input name, from files. */
export async function readInputs(
  graph: Graph,
  files: readonly ForInput<string>[],
): Promise<Record<string, Tensor>> {
  const { readNpy } = await import('decouple/node');
  const inputs: Record<string, Tensor> = {};
  for (const { input, value } of files) inputs[await inputNamed(graph, input)] = readNpy(value);
  return inputs;
}

const shapesOf = (inputs: Readonly<Record<string, Tensor>>): Record<string, readonly number[]> =>
  Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape]));

/** Runs a graph once. */
export async function runOnce(
  graph: Graph,
  inputs: Readonly<Record<string, Tensor>>,
  backendName: string,
): Promise<Record<string, Tensor>> {
  const [{ compile, sizesFor }, { backendByName }] = await Promise.all([
    import('decouple'),
    import('decouple/node'),
  ]);
  const bind = sizesFor(graph, shapesOf(inputs));
  const executable = await compile(graph, backendByName(backendName), { bind });
  try {
    return await executable.run(inputs);
  } finally {
    executable.dispose();
  }
}

interface Options {
  readonly input: readonly ForInput<string>[];
  readonly output: string;
  readonly value?: string;
  readonly backend: string;
  readonly json?: boolean;
}

export function addRun(program: Command, io: Io): void {
  program
    .command('run <model>')
    .summary('run a model on an array')
    .description('Runs a model on NumPy arrays (.npy) as they are, without normalisation.')
    .requiredOption('--input <file>', 'X.npy, or name=X.npy for each input', fileArgument)
    .requiredOption('-o, --output <file>', 'where to write the result (.npy)')
    .option('--value <name>', 'which output to write; the first one by default')
    .option('--backend <name>', 'what runs the model', 'cpu')
    .option('--json', 'print JSON: { outputs: [{ name, dtype, shape }] }')
    .addHelpText('after', '\nExample:\n  decouple run vgg16.onnx --input x.npy -o logits.npy')
    .action(async (path: string, options: Options) => {
      const [{ OptionError }, { writeNpy }] = await Promise.all([
        import('decouple'),
        import('decouple/node'),
      ]);
      const graph = await loadModel(io, path);
      const name = options.value ?? graph.outputs[0] ?? '';
      if (!graph.outputs.includes(name))
        throw new OptionError(
          `'${name}' is not an output; outputs are ${graph.outputs.join(', ')}`,
        );
      const outputs = await runOnce(graph, await readInputs(graph, options.input), options.backend);
      await writeNpy(options.output, outputs[name] as Tensor);
      const listed = Object.entries(outputs).map(([output, { dtype, shape }]) => ({
        name: output,
        dtype,
        shape,
      }));
      if (options.json) return printJson(io, { outputs: listed, output: options.output });
      const shape = (outputs[name] as Tensor).shape.join(', ');
      io.stdout(`wrote ${name} [${shape}] to ${options.output}\n`);
    });
}
