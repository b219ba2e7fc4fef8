/**
 * Accuracy of network decoupling on the 10,000 CIFAR-10 test images, calibrated on training images. Writes
 * docs/results/network-decoupling.md. The images come from `tools/train/fetch_cifar10.py`.
 *
 *   npm run results                              the models of this repository
 *   npm run results -- --model M.onnx [--mean a,b,c --std a,b,c] [--seeds 1,2,3] [--pipelines "p; q"] [--limit N]
 *                                                another CIFAR-10 classifier; prints only
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  benchmark,
  evaluate,
  optimize,
  significant,
  totalCost,
  type Dataset,
  type Graph,
  type Preprocess,
} from 'decouple';
import { backendByName, openDataset, readModel, writeFileWhole } from 'decouple/node';
import { describeMachine, markdownTable, progressLines } from '../report.ts';

const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));
const cifar = process.env['DECOUPLE_CACHE'] ?? join(homedir(), '.cache/decouple/cifar10');

interface Study {
  readonly title: string;
  readonly model: string;
  readonly preprocess: Preprocess;
  readonly pipelines: readonly string[];
  readonly samples: number;
  readonly seeds: readonly number[];
  readonly limit?: number;
}

const ours: Preprocess = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] };
const studies: readonly Study[] = [
  {
    title: 'VGG16, half width',
    model: inRepository('test-models/vgg16-cifar10.onnx'),
    preprocess: ours,
    pipelines: [
      'decouple{macs=0.4x, data=off}',
      'decouple{macs=0.4x}',
      'decouple{macs=0.357x}',
      'decouple{macs=0.333x}',
      'decouple{macs=0.25x}',
    ],
    samples: 1024,
    seeds: [1],
  },
  {
    title: 'ResNet-20',
    model: inRepository('test-models/resnet20-cifar10.onnx'),
    preprocess: ours,
    pipelines: [
      'decouple{macs=0.4545x, data=off}',
      'decouple{macs=0.588x}',
      'decouple{macs=0.4545x}',
      'decouple{macs=0.4545x, relu=6}',
    ],
    samples: 1024,
    seeds: [1],
  },
];

function imagesOf(name: 'train' | 'test', preprocess: Preprocess): Dataset {
  const file = join(cifar, `${name}_x.npy`);
  if (!existsSync(file))
    throw new Error(
      `${file} is missing; run tools/train/setup.sh and tools/train/fetch_cifar10.py first`,
    );
  return openDataset(file, { preprocess });
}

interface Row {
  readonly pipeline: string;
  readonly seed: number;
  readonly macs: number;
  readonly top1: number;
  readonly seconds: number;
  readonly ms: readonly number[];
}

const latencyBackends = ['cpu', 'onnxruntime-node'] as const;

async function latencies(graph: Graph): Promise<number[]> {
  const entries = latencyBackends.map((name) => ({
    model: 'model',
    graph,
    backend: backendByName(name),
  }));
  const results = await benchmark(entries, {});
  return results.map((result) => (result.failed === undefined ? result.medianMs : NaN));
}

async function runStudy(study: Study): Promise<string> {
  const { preprocess, samples, limit } = study;
  const model = await readModel(study.model);
  const [train, test] = [imagesOf('train', preprocess), imagesOf('test', preprocess)];
  const backend = backendByName('cpu');
  const accuracy = async (graph: Graph): Promise<number> =>
    (
      await evaluate(graph, test, {
        backend,
        batchSize: 50,
        limit,
        onProgress: progressLines('accuracy'),
      })
    ).top1;
  const measure = async (
    graph: Graph,
    pipeline: string,
    seed: number,
    seconds: number,
  ): Promise<Row> => {
    const row = {
      pipeline,
      seed,
      macs: totalCost(graph).macs,
      top1: await accuracy(graph),
      seconds,
      ms: await latencies(graph),
    };
    console.error(
      `${study.title}: ${pipeline} seed ${seed}: ${row.top1.toFixed(2)} %, ${row.macs} MACs, ${seconds.toFixed(0)} s`,
    );
    return row;
  };
  const dense = await measure(model, 'dense', 0, 0);
  const rows = [dense];
  for (const pipeline of study.pipelines)
    for (const seed of study.seeds) {
      const started = performance.now();
      const { graph } = await optimize(model, `fold-batch-norm, ${pipeline}`, {
        calibration: train,
        samples,
        seed,
        backend,
      });
      rows.push(await measure(graph, pipeline, seed, (performance.now() - started) / 1000));
    }
  const table = markdownTable(
    [
      'pipeline',
      'seed',
      'MACs',
      'fewer',
      'top-1',
      'drop',
      ...latencyBackends.map((name) => `${name}, ms`),
      'seconds',
    ],
    rows.map((row) => [
      `\`${row.pipeline}\``,
      row === dense ? '' : String(row.seed),
      `${(row.macs / 1e6).toFixed(1)} M`,
      `${(dense.macs / row.macs).toFixed(2)}x`,
      `${row.top1.toFixed(2)} %`,
      row === dense ? '' : (dense.top1 - row.top1).toFixed(2),
      ...row.ms.map(significant),
      row === dense ? '' : row.seconds.toFixed(0),
    ]),
  );
  return `## ${study.title}\n\n${table}\n${samples} calibration images from the training set; accuracy on ${limit ?? test.samples} test images; batch 1, one thread.\n`;
}

const numbers = (text: string | undefined): number[] | undefined => text?.split(',').map(Number);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      model: { type: 'string' },
      mean: { type: 'string' },
      std: { type: 'string' },
      seeds: { type: 'string' },
      pipelines: { type: 'string' },
      samples: { type: 'string' },
      limit: { type: 'string' },
    },
  });
  const limit = values.limit === undefined ? {} : { limit: Number(values.limit) };
  if (values.model !== undefined) {
    const pipelines = (values.pipelines ?? 'decouple{macs=0.588x}; decouple{macs=0.4545x}')
      .split(';')
      .map((text) => text.trim());
    const preprocess = {
      mean: numbers(values.mean) ?? ours.mean ?? [],
      std: numbers(values.std) ?? ours.std ?? [],
    };
    console.log(
      await runStudy({
        title: values.model,
        model: values.model,
        preprocess,
        pipelines,
        samples: Number(values.samples ?? 1024),
        seeds: numbers(values.seeds) ?? [1],
        ...limit,
      }),
    );
    return;
  }
  const sections: string[] = [];
  for (const study of studies) sections.push(await runStudy({ ...study, ...limit }));
  const intro = `# Network decoupling on CIFAR-10\n\nWritten by \`npm run results\`. MACs are per image; \`fold-batch-norm\` runs before each pipeline; "seconds" is the time of the whole optimisation.\n\n${describeMachine()}.\n`;
  const text = [intro, ...sections].join('\n');
  console.log(text);
  if (values.limit === undefined)
    await writeFileWhole(inRepository('docs/results/network-decoupling.md'), text);
}

await main();
