/**
 * The main job on the model of this repository: decouples a VGG16 for CIFAR-10 without training and shows accuracy,
 * MACs and milliseconds before and after.
 *
 *   npm run demo                        prints the result and writes out/vgg16-cifar10-fast.onnx
 *   npm run demo -- --write-readme      also puts the table into README.md
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  benchmark,
  evaluate,
  formatCount,
  formatRatio,
  formatTable,
  optimize,
  significant,
  totalCost,
  type Accuracy,
  type BenchmarkResult,
  type Graph,
} from 'decouple';
import { backendByName, openDataset, readModel, writeModel } from 'decouple/node';
import { describeMachine, markdownTable, progressLines, replaceBlock } from '../report.ts';

const pipeline = 'fold-batch-norm, decouple{macs=0.4x}';
const samples = 512;
const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));

interface Measured {
  readonly graph: Graph;
  readonly accuracy: Accuracy;
  readonly times: readonly BenchmarkResult[];
}

async function measure(models: Readonly<Record<'before' | 'after', Graph>>) {
  const dataset = openDataset(inRepository('test-models/cifar10-subset/eval'));
  const backends = ['cpu', 'onnxruntime-node'].map((name) => backendByName(name));
  const entries = Object.entries(models).flatMap(([model, graph]) =>
    backends.map((backend) => ({ model, graph, backend })),
  );
  const accuracy = (graph: Graph, label: string): Promise<Accuracy> =>
    evaluate(graph, dataset, { backend: backendByName('cpu'), onProgress: progressLines(label) });
  const before = await accuracy(models.before, 'accuracy before');
  const after = await accuracy(models.after, 'accuracy after');
  const results = await benchmark(entries, { onProgress: progressLines('latency') });
  const of = (name: string): readonly BenchmarkResult[] =>
    results.filter(({ model }) => model === name);
  return {
    before: { graph: models.before, accuracy: before, times: of('before') },
    after: { graph: models.after, accuracy: after, times: of('after') },
  } satisfies Record<string, Measured>;
}

/** Rows of the result: what, before, after, and how many times less. */
function resultRows(before: Measured, after: Measured): string[][] {
  const [old, now] = [totalCost(before.graph), totalCost(after.graph)];
  const percent = (value: number): string => `${value.toFixed(1)} %`;
  const counts = (name: string, a: number, b: number): string[] => [
    name,
    formatCount(a),
    formatCount(b),
    formatRatio(a, b),
  ];
  const times = before.times.flatMap((result, index) => {
    const other = after.times[index];
    if (result.failed !== undefined || !other) return [];
    const ms = (value: number): string => `${significant(value)} ms`;
    const names: Record<string, string> = { cpu: 'this project, wasm' };
    return [
      [
        `latency, ${names[result.backend] ?? result.backend}`,
        ms(result.medianMs),
        ms(other.medianMs),
        formatRatio(result.medianMs, other.medianMs),
      ],
    ];
  });
  return [
    ['top-1 accuracy', percent(before.accuracy.top1), percent(after.accuracy.top1), ''],
    counts('MACs per image', old.macs, now.macs),
    counts('parameters', old.params, now.params),
    ...times,
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { 'write-readme': { type: 'boolean', default: false } },
  });
  const started = performance.now();
  const model = await readModel(inRepository('test-models/vgg16-cifar10.onnx'));
  const calibration = openDataset(inRepository('test-models/cifar10-subset/calibrate'));
  console.log(`${pipeline}, ${samples} calibration images, no training`);
  const show = progressLines('optimize');
  const { graph, report } = await optimize(model, pipeline, {
    calibration,
    samples,
    seed: 1,
    backend: backendByName('cpu'),
    onEvent: (event) => {
      if (event.kind === 'progress') show(event.done, event.total, event.what);
    },
  });
  const optimizeSeconds = (performance.now() - started) / 1000;
  const output = inRepository('out/vgg16-cifar10-fast.onnx');
  await writeModel(output, graph);
  // What is measured is the file as others will read it.
  const { before, after } = await measure({ before: model, after: await readModel(output) });
  const rows = resultRows(before, after);
  const headers = ['VGG16 (half width) on CIFAR-10', 'before', 'after', 'fewer'];
  console.log(`\n${report.table()}`);
  console.log(
    formatTable(
      headers.map((header, index) => ({ header, align: index === 0 ? 'left' : 'right' })),
      rows,
    ),
  );
  const note = `\`${pipeline}\`, ${samples} calibration images, seed 1, ${optimizeSeconds.toFixed(0)} s; accuracy on ${before.accuracy.count} test images; batch 1, one thread; ${describeMachine()}`;
  console.log(`${note.replaceAll('`', '')}\nwrote ${output}`);
  if (values['write-readme'])
    await replaceBlock(
      inRepository('README.md'),
      'result',
      `${markdownTable(headers, rows)}\n${note}.\n`,
    );
}

await main();
