/** The measurements themselves, each small enough to be repeated alone. */
import { prepareNode } from '@decouple/backend-cpu/node';
import {
  benchmark,
  bindSymbols,
  exportOnnx,
  optimize,
  predict,
  totalCost,
  type Backend,
  type BenchmarkEntry,
  type BenchmarkResult,
  type Graph,
} from 'decouple';
import { machineRates } from 'decouple/node';
import { progressLines } from '../report.ts';
import { convolution, kernelRates, limitProbe } from './convolutions.ts';
import { engine, engineNames, peerNames, type EngineName } from './engines.ts';
import { memoryCosts } from './memory.ts';
import { layouts, networks, pipelineOf, type Network, type NetworkName } from './networks.ts';
import type {
  ByEngine,
  DenseRecord,
  DepthwiseRecord,
  KernelsRecord,
  PartName,
  Records,
  ThreadsRecord,
  Times,
  VariantRecord,
} from './records.ts';
import { sizes } from './sizes.ts';
import { startTimes } from './start.ts';

/** Whether figures only have to show that things work. */
export interface Settings {
  readonly quick: boolean;
}

/** Many rounds where they are short. */
const roundsFor = (seconds: number, quick: boolean): number => {
  if (quick) return 2;
  return seconds > 8 ? 5 : seconds > 2 ? 7 : 15;
};

/** Of whole networks: some twenty seconds each, since a shared machine has better and worse ones. */
const denseRoundsFor = (seconds: number, quick: boolean): number => {
  if (quick) return 2;
  return seconds > 8 ? 5 : seconds > 2 ? 9 : seconds > 0.5 ? 21 : 75;
};

const timesOf = ({ medianMs, fastMs, maxRel, failed }: BenchmarkResult): Times => ({
  medianMs,
  fastMs,
  maxRel,
  ...(failed === undefined ? {} : { failed }),
});

/** Engines as entries of one network; what takes files gets the same one. */
async function entriesFor(
  model: string,
  graph: Graph,
  names: readonly EngineName[],
): Promise<BenchmarkEntry[]> {
  const rates = await machineRates();
  const bytes = exportOnnx(graph);
  return names.map((name) => ({
    model,
    graph,
    backend: engine(name, { rates, encode: () => bytes }),
  }));
}

const byEngine = (results: readonly BenchmarkResult[]): ByEngine =>
  Object.fromEntries(results.map((result) => [result.backend, timesOf(result)]));

async function dense(name: NetworkName, { quick }: Settings): Promise<DenseRecord> {
  const { make, seconds }: Network = networks[name];
  const graph = bindSymbols(await make(), { N: 1 });
  // Measured beside the network: on a shared machine rates of another hour are those of another machine.
  const rates = await machineRates({ fresh: !quick });
  const limit = limitProbe(prepareNode().relaxedSimd);
  limit();
  const results = await benchmark(await entriesFor(name, graph, engineNames), {
    rounds: denseRoundsFor(seconds, quick),
    onProgress: progressLines(name),
  });
  const prediction = await predict(graph, { rates });
  return {
    macs: totalCost(graph).macs,
    limit: limit(),
    predictedMs: prediction.ms,
    times: byEngine(results),
  };
}

/** The better of two layouts for each engine. A record of one that failed gives way. */
function better(a: ByEngine, b: ByEngine): ByEngine {
  const names = Object.keys({ ...a, ...b }) as EngineName[];
  const faster = (left?: Times, right?: Times): Times | undefined =>
    right && (!left || !(left.medianMs <= right.medianMs)) ? right : left;
  return Object.fromEntries(names.map((name) => [name, faster(a[name], b[name])]));
}

/** How many variants are measured together with the original: more need more memory, fewer more time. */
const together = 4;

async function someVariants(
  original: Graph,
  names: readonly string[],
  rounds: number,
): Promise<VariantRecord[]> {
  const entries = await entriesFor('original', original, engineNames);
  const macs = new Map<string, number>();
  for (const variant of names)
    for (const layout of layouts) {
      const pipeline = pipelineOf(variant, layout);
      if (layout === 'chains' && pipeline === pipelineOf(variant, 'wide')) continue;
      const { graph } = await optimize(original, `fold-batch-norm, ${pipeline}`);
      macs.set(variant, totalCost(graph).macs);
      // One term is one chain.
      const alike = layout === 'chains' && variant.endsWith('T=1');
      if (alike) continue;
      const engines = layout === 'wide' ? engineNames : peerNames;
      const more = await entriesFor(`${variant} ${layout}`, graph, engines);
      entries.push(...more);
    }
  const results = await benchmark(entries, {
    rounds,
    onProgress: progressLines(names.join(', ')),
  });
  const of = (model: string): ByEngine =>
    byEngine(results.filter((result) => result.model === model));
  return names.map((variant) => ({
    variant,
    macs: macs.get(variant) as number,
    dense: of('original'),
    times: better(of(`${variant} wide`), of(`${variant} chains`)),
  }));
}

async function variantsOf(
  name: NetworkName,
  { quick }: Settings,
): Promise<readonly VariantRecord[]> {
  const { make, variants, seconds }: Network = networks[name];
  const graph = bindSymbols(await make(), { N: 1 });
  const records: VariantRecord[] = [];
  const wanted = quick ? variants.slice(0, 2) : variants;
  for (let at = 0; at < wanted.length; at += together) {
    const names = wanted.slice(at, at + together);
    records.push(...(await someVariants(graph, names, roundsFor(3 * seconds, quick) - 1)));
  }
  return records;
}

/** A backend that always takes so many threads. */
const onThreads = (backend: Backend, threads: number): Backend => ({
  ...backend,
  compile: (graph, options) => backend.compile(graph, { ...options, threads }),
});

/** onnxruntime-web takes the number of threads of its first session, so that it is asked for two only. */
async function threads(name: NetworkName, { quick }: Settings): Promise<ThreadsRecord[]> {
  const { make, seconds }: Network = networks[name];
  const graph = bindSymbols(await make(), { N: 1 });
  const setups: readonly (readonly [EngineName, number])[] = [
    ['ours', 1],
    ['ours', 2],
    ['onnxruntime-node', 1],
    ['onnxruntime-node', 2],
    // In the quick form another part has started it on one thread.
    ...(quick ? [] : [['onnxruntime-web', 2] as const]),
  ];
  const entries: BenchmarkEntry[] = [];
  for (const [engineName, count] of setups) {
    const [entry] = await entriesFor(name, graph, [engineName]);
    if (entry) entries.push({ ...entry, backend: onThreads(entry.backend, count) });
  }
  const results = await benchmark(entries, { rounds: roundsFor(seconds, quick) });
  return setups.map(([engineName, count], at) => ({
    engine: engineName,
    threads: count,
    times: timesOf(results[at] as BenchmarkResult),
  }));
}

/** The convolutions of VGG16, and pointwise ones on the same maps. */
export const kernelShapes = [
  '224,3,64,3',
  '224,64,64,3',
  '112,64,128,3',
  '112,128,128,3',
  '56,128,256,3',
  '56,256,256,3',
  '28,256,512,3',
  '28,512,512,3',
  '14,512,512,3',
  '224,64,64,1',
  '112,128,128,1',
  '56,256,256,1',
  '28,512,512,1',
  '14,512,512,1',
];

async function kernels({ quick }: Settings): Promise<readonly KernelsRecord[]> {
  const fma = prepareNode().relaxedSimd;
  const limit = limitProbe(fma);
  const records: KernelsRecord[] = [];
  for (const shape of quick ? kernelShapes.slice(-2) : kernelShapes)
    records.push({ shape, ...(await kernelRates(shape, fma, limit)) });
  return records;
}

const depthwiseShape = '56,256,256,3,1,256';

async function depthwise({ quick }: Settings): Promise<DepthwiseRecord> {
  const measure = async (layers: number): Promise<ByEngine> => {
    const graph = convolution(depthwiseShape, layers);
    const entries = await entriesFor(`${layers}`, graph, ['ours', ...peerNames]);
    return byEngine(await benchmark(entries, { rounds: quick ? 2 : 15 }));
  };
  return { shape: depthwiseShape, one: await measure(1), nine: await measure(9) };
}

/** Networks whose second part of a name is measured. */
const timed = {
  dense,
  variants: variantsOf,
  threads,
  start: startTimes,
} as const;

const measuredNetworks: Readonly<Record<keyof typeof timed, readonly NetworkName[]>> = {
  dense: [
    'vgg16',
    'resnet18',
    'resnet50',
    'mobilenetv1',
    'ssd300',
    'vgg16-cifar10',
    'resnet20-cifar10',
  ],
  variants: ['vgg16', 'resnet18', 'vgg16-cifar10', 'resnet20-cifar10'],
  threads: ['vgg16', 'resnet18', 'resnet50', 'mobilenetv1', 'vgg16-cifar10'],
  start: ['vgg16', 'mobilenetv1', 'resnet20-cifar10'],
};
const quickNetworks: readonly NetworkName[] = ['vgg16-cifar10', 'resnet20-cifar10'];

/** All that `npm run bench` measures; the product is measured apart. */
export function partNames(quick: boolean): readonly PartName[] {
  const perNetwork = (Object.keys(timed) as (keyof typeof timed)[]).flatMap((kind) =>
    measuredNetworks[kind]
      .filter((name) => !quick || quickNetworks.includes(name))
      .map((name) => `${kind}/${name}` as PartName),
  );
  return [...perNetwork, 'kernels', 'depthwise', 'memory', 'sizes'];
}

export async function measurePart(part: PartName, settings: Settings): Promise<Records[PartName]> {
  const [kind, network] = part.split('/') as [keyof typeof timed | PartName, NetworkName];
  switch (kind) {
    case 'kernels':
      return kernels(settings);
    case 'depthwise':
      return depthwise(settings);
    case 'memory':
      return memoryCosts();
    case 'sizes':
      return sizes();
    case 'dense':
    case 'variants':
    case 'threads':
    case 'start':
      return timed[kind](network, settings);
    default:
      throw new Error(`${part} is measured by npm run bench:product`);
  }
}
