/**
 * Optimisation of networks of full size with generated weights: MACs of each stack at the paper's ratios, time and peak
 * memory. Writes docs/results/full-size.md; each line is a process of its own.
 *
 *   npm run results:full-size                              about two hours and a half
 *   npm run results:full-size -- --only vgg16,ND+SD        lines whose network and method are named; prints only
 *   npm run results:full-size -- --cache DIR               keeps measured lines there, and takes those that are
 */
import { fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { generators } from '@decouple/conformance';
import {
  createRandom,
  messageOf,
  optimize,
  syntheticDataset,
  totalCost,
  type CalibrationSettings,
} from 'decouple';
import { prepareNode, writeFileWhole } from 'decouple/node';
import { formatMarkdown } from '../docs/format.ts';
import { describeMachine, markdownTable } from '../report.ts';

const networks = { vgg16: 224, resnet18: 224, resnet50: 224, ssd300: 300 } as const;
type Network = keyof typeof networks;

/** Stacks in the order of their passes, at the ratio that Guo et al. reach with VGG16 on ImageNet. */
const stacks = {
  ND: 1.8,
  CP: 1.56,
  SD: 2.15,
  CD: 2.37,
  'ND+CP': 1.82,
  'ND+SD': 3.73,
  'ND+CD': 3.28,
  'CD+SD': 3.58,
  'CD+SD+CP': 3.14,
  'ND+CD+SD': 3.61,
  mixed: 3.73,
} as const;
type Stack = keyof typeof stacks;

/** What is measured with images. */
const withImages: readonly (readonly [Network, Stack])[] = [
  ['vgg16', 'ND+SD'],
  ['vgg16', 'mixed'],
  ['resnet18', 'ND+SD'],
  ['resnet18', 'mixed'],
  ['resnet50', 'mixed'],
  ['ssd300', 'ND+SD'],
];
const imageCount = 32;

interface Job {
  readonly network: Network;
  readonly stack: Stack;
  /** Synthetic images; 0: from the weights alone. */
  readonly images: number;
}

interface Measured {
  readonly ratio: number;
  readonly seconds: number;
  /** Processor time, which other processes on the machine distort less. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}
type Result = { readonly measured: Measured } | { readonly failed: string };

const passes: readonly [name: string, pass: (share: string, options: string) => string][] = [
  ['CP', (share, l1) => `channel-prune{macs=${share}${l1}}`],
  ['CD', (share) => `channel-decompose{macs=${share}}`],
  ['SD', (share) => `spatial-decompose{macs=${share}}`],
  ['ND', (share) => `decouple{macs=${share}}`],
  ['mixed', (share) => `decompose{macs=${share}}`],
];

/** The passes of a stack, each with its part of the logarithm of the ratio, and with images a joint refit. */
function pipelineOf({ stack, images }: Job): string {
  const names = stack.split('+');
  const share = `${((1 / stacks[stack]) ** (1 / names.length)).toFixed(4)}x`;
  const steps = passes
    .filter(([name]) => names.includes(name))
    .map(([, pass]) => pass(share, images ? '' : ', method=l1'));
  return ['fold-batch-norm', ...steps, ...(images ? ['refit'] : [])].join(', ');
}

async function measure(job: Job): Promise<Measured> {
  const { network, images: samples } = job;
  const graph = generators[network](createRandom(1));
  const size = networks[network];
  const calibration: CalibrationSettings = samples
    ? { calibration: syntheticDataset({ sampleShape: [3, size, size], samples }), samples }
    : {};
  const before = process.cpuUsage();
  const start = performance.now();
  const result = await optimize(graph, pipelineOf(job), calibration);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return {
    ratio: totalCost(graph).macs / totalCost(result.graph).macs,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}

/** Measures in a process of its own, whose peak of memory is that of this job. */
function inProcess(job: Job): Promise<Result> {
  const child = fork(fileURLToPath(import.meta.url), {
    execArgv: ['--conditions=@decouple/source', '--import', 'tsx'],
  });
  return new Promise((resolve) => {
    child.on('message', (result: Result) => {
      resolve(result);
      child.disconnect();
    });
    child.on('exit', (code, signal) =>
      resolve({ failed: `its process ended with ${signal ?? `code ${code}`}` }),
    );
    child.send(job);
  });
}

/** The result of a job, from the cache if it is there. */
async function resultOf(
  job: Job,
  cache: string | undefined,
): Promise<{ result: Result; kept: boolean }> {
  const path = cache && join(cache, `${job.network} ${job.stack} ${job.images}.json`);
  if (path && existsSync(path)) {
    return { result: JSON.parse(readFileSync(path, 'utf8')) as Result, kept: true };
  }
  const result = await inProcess(job);
  if (path) await writeFileWhole(path, JSON.stringify(result));
  return { result, kept: false };
}

const headers = [
  'network',
  'method',
  'asked for',
  'MACs',
  'seconds',
  'processor seconds',
  'peak memory, GB',
];

function rowOf({ network, stack }: Job, result: Result): string[] {
  const asked = `${stacks[stack].toFixed(2)}x`;
  if ('failed' in result)
    return [
      network,
      stack,
      asked,
      /can't be met/.test(result.failed) ? 'out of reach' : result.failed,
      '',
      '',
      '',
    ];
  const { ratio, seconds, cpuSeconds, peakBytes } = result.measured;
  return [
    network,
    stack,
    asked,
    `${ratio.toFixed(2)}x`,
    seconds.toFixed(0),
    cpuSeconds.toFixed(0),
    (peakBytes / 1e9).toFixed(1),
  ];
}

/** @param kept how many lines come from earlier runs. */
function document(alone: readonly string[][], fitted: readonly string[][], kept: number): string {
  return `# Networks of full size

Written by \`npm run results:full-size\`. Weights are random but seeded: what is measured is how far MACs go
down, how long that takes and how much memory, not accuracy. Inputs are 224×224, for SSD300 300×300. Each line is a
process of its own; time is that of the whole pipeline, peak memory is the resident set.

${describeMachine()}.${kept ? ` Of the ${alone.length + fitted.length} lines ${kept} were measured in earlier runs on the same machine, some with other sources or beside other work.` : ''}

## With ${imageCount} synthetic images

Every layer is fitted to the original's responses, then all segments together (\`refit\`).

${markdownTable(headers, fitted)}
## From the weights alone

The paper's stacks at the ratios that it reaches with VGG16, and the choice per layer (\`mixed\`). Each pass
of a stack takes an equal part of the logarithm of the ratio. "Out of reach" are ratios that one of the passes can't
give: most MACs of ResNet-50 are in pointwise convolutions, which have nothing to decouple or separate.

${markdownTable(headers, alone)}`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, cache: { type: 'string' } },
  });
  const named = values.only?.split(',');
  const jobs: Job[] = [
    ...withImages.map(([network, stack]) => ({ network, stack, images: imageCount })),
    ...(Object.keys(networks) as Network[]).flatMap((network) =>
      (Object.keys(stacks) as Stack[]).map((stack) => ({ network, stack, images: 0 })),
    ),
  ].filter(({ network, stack }) => !named || (named.includes(network) && named.includes(stack)));
  const [fitted, alone]: [string[][], string[][]] = [[], []];
  let keptLines = 0;
  for (const job of jobs) {
    const { result, kept } = await resultOf(job, values.cache);
    if (kept) keptLines++;
    const row = rowOf(job, result);
    console.error(`${job.images} images: ${row.join('  ')}`);
    (job.images ? fitted : alone).push(row);
  }
  const path = fileURLToPath(new URL('../../docs/results/full-size.md', import.meta.url));
  const text = await formatMarkdown(document(alone, fitted, keptLines), path);
  if (named) console.log(text);
  else await writeFileWhole(path, text);
}

if (process.send) {
  prepareNode();
  process.once('message', (job: Job) => {
    measure(job).then(
      (measured) => process.send?.({ measured } satisfies Result),
      (error: unknown) => process.send?.({ failed: messageOf(error) } satisfies Result),
    );
  });
} else await main();
