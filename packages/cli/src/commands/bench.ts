/** `decouple bench`: latency of models on backends, side by side. */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import type { Command } from 'commander';
import type { BenchmarkEntry, BenchmarkResult, Graph } from 'decouple';
import { nameList, shapeArgument, wholeNumber, type ForInput } from '../arguments.ts';
import { printJson, warn, type Io } from '../io.ts';
import { loadModel } from '../loading.ts';
import { withProgress } from '../progress.ts';

interface Options {
  readonly backend: readonly string[];
  readonly threads: number;
  readonly rounds: number;
  readonly shape?: readonly ForInput<number[]>[];
  readonly tune?: boolean;
  readonly json?: boolean;
}

/** Outputs of engines may differ by rounding and by Winograd's; more is a wrong answer. */
const tolerance = 1e-3;

async function entriesOf(
  io: Io,
  paths: readonly string[],
  options: Options,
): Promise<BenchmarkEntry[]> {
  const [{ exportOnnx }, { backendByName, rememberedRates }] = await Promise.all([
    import('decouple'),
    import('decouple/node'),
  ]);
  const files = new Map<Graph, string>();
  // Runtimes that take files get the user's own file, not our export of it.
  const encode = (graph: Graph): Uint8Array => {
    const path = files.get(graph);
    return path?.endsWith('.onnx') ? readFileSync(path) : exportOnnx(graph);
  };
  const named = { encode, rates: rememberedRates(), tune: options.tune };
  const backends = options.backend.map((name) => backendByName(name, named));
  const entries: BenchmarkEntry[] = [];
  for (const model of paths) {
    const graph = await loadModel(io, model, options.shape);
    files.set(graph, model);
    entries.push(...backends.map((backend) => ({ model, graph, backend })));
  }
  return entries;
}

async function formatResults(results: readonly BenchmarkResult[]): Promise<string> {
  const { formatRatio, formatTable, significant } = await import('decouple');
  const [first] = results;
  return formatTable(
    [
      { header: 'model' },
      { header: 'backend' },
      { header: 'median ms', align: 'right' },
      { header: 'p10 ms', align: 'right' },
      { header: 'runs', align: 'right' },
      { header: 'speed', align: 'right' },
      { header: 'outputs differ by', align: 'right' },
    ],
    results.map((result) => [
      result.model,
      result.backend,
      result.failed === undefined ? significant(result.medianMs) : 'failed',
      result.failed === undefined ? significant(result.fastMs) : '',
      String(result.runs),
      formatRatio(first?.medianMs ?? Number.NaN, result.medianMs),
      result.failed === undefined ? result.maxRel.toExponential(1) : '',
    ]),
  );
}

export function addBench(program: Command, io: Io): void {
  program
    .command('bench <models...>')
    .summary('measure latency, side by side')
    .description(
      'Measures the latency of models on backends in alternating rounds within one process, on random input.\nBackends: cpu, reference; onnxruntime-node and onnxruntime-web when installed.',
    )
    .option('--backend <names>', 'backends with commas between them', nameList, ['cpu'])
    .option('--threads <count>', 'threads of each backend', wholeNumber(1), 1)
    .option('--rounds <count>', 'turns that every model and backend takes', wholeNumber(1), 12)
    .option('--shape <input=sizes>', 'sizes for an input with dynamic ones', shapeArgument)
    .option(
      '--tune',
      'measure the kernels of these very models when compiling, instead of asking a model',
    )
    .option('--json', 'print JSON: { results: [{ model, backend, medianMs, … }] }')
    .addHelpText(
      'after',
      '\nExample:\n  decouple bench vgg16.onnx fast.onnx --backend cpu,onnxruntime-web,onnxruntime-node',
    )
    .action(async (paths: readonly string[], options: Options) => {
      const { benchmark, UnsupportedError } = await import('decouple');
      const entries = await entriesOf(io, paths, options);
      const { threads, rounds } = options;
      const results = await withProgress(io, 'bench', (update) =>
        benchmark(entries, { threads, rounds, signal: io.signal, onProgress: update }),
      );
      const load = loadavg()[0] as number;
      if (options.json) printJson(io, { threads, load, results });
      else {
        io.stdout(await formatResults(results));
        io.stdout(
          `\n${threads} thread(s), batch 1 unless given, load of the machine ${load.toFixed(1)}\n`,
        );
      }
      for (const { model, backend, maxRel } of results)
        if (maxRel > tolerance)
          warn(
            io,
            `${backend} gives other outputs for ${model}: ${maxRel.toExponential(1)} relative`,
          );
      const failed = results.filter((result) => result.failed !== undefined);
      if (failed.length)
        throw new UnsupportedError(
          failed
            .map((result) => `${result.backend} on ${result.model}: ${result.failed}`)
            .join('; '),
        );
    });
}
