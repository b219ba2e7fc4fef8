/** `decouple eval`: accuracy of a classifier. */
import type { Command } from 'commander';
import { numberList, wholeNumber } from '../arguments.ts';
import { printJson, type Io } from '../io.ts';
import { loadData, loadModel } from '../loading.ts';
import { withProgress } from '../progress.ts';

interface Options {
  readonly data: string;
  readonly backend: string;
  readonly limit?: number;
  readonly batch: number;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly json?: boolean;
}

export function addEval(program: Command, io: Io): void {
  program
    .command('eval <model>')
    .summary('measure the accuracy of a classifier')
    .description(
      'Measures top-1 and top-5 accuracy in percent. The data are images in class folders, or one *_x.npy\n(uint8 or float32, NCHW) with its *_y.npy. Normalisation: --mean and --std, or a preprocess.json\nbeside the data or the model.',
    )
    .requiredOption('--data <folder>', 'labelled images')
    .option('--backend <name>', 'what runs the model', 'cpu')
    .option('--limit <count>', 'only so many samples, evenly over the classes', wholeNumber(1))
    .option('--batch <size>', 'samples per run', wholeNumber(1), 16)
    .option('--mean <a,b,c>', 'subtracted from pixels in 0..1', numberList)
    .option('--std <a,b,c>', 'pixels are divided by it', numberList)
    .option('--json', 'print JSON: { top1, top5, count }')
    .addHelpText('after', '\nExample:\n  decouple eval vgg16.onnx --data images/eval --limit 500')
    .action(async (path: string, options: Options) => {
      const [{ evaluate }, { backendByName }] = await Promise.all([
        import('decouple'),
        import('decouple/node'),
      ]);
      const backend = backendByName(options.backend);
      const graph = await loadModel(io, path);
      const dataset = await loadData(options.data, { path, graph }, options);
      const accuracy = await withProgress(io, 'eval', (update) =>
        evaluate(graph, dataset, {
          backend,
          batchSize: options.batch,
          limit: options.limit,
          signal: io.signal,
          onProgress: (done, total) => update(done, total, `${done} of ${total} samples`),
        }),
      );
      if (options.json) return printJson(io, accuracy);
      const { top1, top5, count } = accuracy;
      io.stdout(`top-1 ${top1.toFixed(2)} %, top-5 ${top5.toFixed(2)} % of ${count} samples\n`);
    });
}
