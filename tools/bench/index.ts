/**
 * Latency against ONNX Runtime, batch 1, one thread, in alternating rounds of one process. Writes
 * docs/results/performance.md.
 *
 *   npm run bench                  all networks
 *   npm run bench -- --quick       the small networks only, few rounds, nothing written
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { generators } from '@decouple/conformance';
import { extractGraph } from '@decouple/ir';
import {
  benchmark,
  createRandom,
  exportOnnx,
  formatCount,
  formatRatio,
  significant,
  totalCost,
  type BenchmarkResult,
  type Graph,
} from 'decouple';
import { backendByName, readModel, writeFileWhole } from 'decouple/node';
import { describeMachine, markdownTable, progressLines } from '../report.ts';

const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));
const backendNames = ['cpu', 'onnxruntime-web', 'onnxruntime-node'] as const;
/** Outputs of engines may differ by rounding and by Winograd's; more is a wrong answer. */
const tolerance = 1e-3;

interface Case {
  readonly name: string;
  readonly make: () => Promise<Graph> | Graph;
  readonly big?: boolean;
}

const cases: readonly Case[] = [
  {
    name: 'VGG16, convolutions, 224',
    make: () => extractGraph(generators.vgg16(createRandom(1)), ['pool5']),
    big: true,
  },
  { name: 'ResNet-18, 224', make: () => generators.resnet18(createRandom(1)), big: true },
  { name: 'MobileNetV1, 224', make: () => generators.mobilenetv1(createRandom(1)), big: true },
  {
    name: 'VGG16 half width, CIFAR-10',
    make: () => readModel(inRepository('test-models/vgg16-cifar10.onnx')),
  },
  {
    name: 'ResNet-20, CIFAR-10',
    make: () => readModel(inRepository('test-models/resnet20-cifar10.onnx')),
  },
];

interface Row {
  readonly name: string;
  readonly macs: number;
  readonly results: readonly BenchmarkResult[];
}

/** Each network alone: engines of one network take turns, and big networks don't evict each other. */
async function measure({ name, make }: Case, rounds: number): Promise<Row> {
  const graph = await make();
  const bytes = exportOnnx(graph);
  const entries = backendNames.map((backend) => ({
    model: name,
    graph,
    backend: backendByName(backend, { encode: () => bytes }),
  }));
  const results = await benchmark(entries, { rounds, onProgress: progressLines(name) });
  return { name, macs: totalCost(graph).macs, results };
}

function tableOf(rows: readonly Row[]): string {
  const ms = (result: BenchmarkResult | undefined): string =>
    !result || result.failed !== undefined
      ? 'failed'
      : `${significant(result.medianMs)} (${significant(result.fastMs)})`;
  return markdownTable(
    [
      'network',
      'MACs',
      ...backendNames.map((name) => `${name}, ms`),
      'cpu : web',
      'cpu : node',
      'outputs differ by',
    ],
    rows.map(({ name, macs, results }) => {
      const [own, web, native] = results;
      const speed = (peer: BenchmarkResult | undefined): string =>
        formatRatio(peer?.medianMs ?? Number.NaN, own?.medianMs ?? Number.NaN);
      const gaps = results.map(({ maxRel }) => maxRel).filter((gap) => !Number.isNaN(gap));
      return [
        name,
        formatCount(macs),
        ...results.map(ms),
        speed(web),
        speed(native),
        Math.max(...gaps).toExponential(1),
      ];
    }),
  );
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
  const machineBefore = describeMachine();
  const rows: Row[] = [];
  for (const each of cases) {
    if (values.quick && each.big) continue;
    rows.push(await measure(each, values.quick ? 3 : 12));
  }
  const table = tableOf(rows);
  console.log(table);
  for (const { name, results } of rows)
    for (const { backend, failed, maxRel } of results) {
      if (failed !== undefined) console.error(`${name}: ${backend}: ${failed}`);
      if (maxRel > tolerance) {
        console.error(`${name}: ${backend} gives other outputs (${maxRel.toExponential(1)})`);
        process.exitCode = 1;
      }
    }
  if (values.quick) return;
  await writeFileWhole(
    inRepository('docs/results/performance.md'),
    [
      '# Performance against ONNX Runtime\n',
      'Written by `npm run bench`. Batch 1, one thread; medians of alternating rounds in one process, so that',
      'all engines see the same machine. Ratios are time of the peer over time of the `cpu` backend: above 1,',
      'ours is faster. Weights are random but seeded; outputs of all engines are compared in the same run.\n',
      `${machineBefore} at the start.\n`,
      table,
    ].join('\n'),
  );
}

await main();
