/** Ranks and pipelines from a budget: the search of @decouple/search with this facade's own way to build and measure. */
import type { Backend } from '@decouple/backend';
import { cpu, cpuCostModel } from '@decouple/backend-cpu';
import type { Dataset } from '@decouple/calibration';
import type { Rates } from '@decouple/cost-model';
import { totalCost, type Graph } from '@decouple/ir';
import {
  searchPipelines,
  type SearchProgress,
  type Trial,
  type TrialStore,
} from '@decouple/search';
import { OptionError } from '@decouple/tensor';
import { openCalibration } from './calibrate.ts';
import { digestOf, digestOfDataset, digestOfGraph } from './identity.ts';
import type { Metric } from './metrics.ts';
import { predict } from './predict.ts';
import { optimize, type OptimizeOptions, type OptimizeResult } from './optimize.ts';

/** Bounds of the result; shares such as `0.5` of MACs are `{ share: 0.5 }`. */
export interface SearchLimits {
  /** Loss in units of the metric: percentage points of accuracy, dB. */
  readonly drop?: number | undefined;
  readonly macs?: number | { readonly share: number } | undefined;
  readonly params?: number | { readonly share: number } | undefined;
  readonly ms?: number | { readonly share: number } | undefined;
}

/** Keeps what was measured, by a digest of everything that it depends on. */
export type SearchStore = TrialStore;

export interface SearchOptions extends Omit<OptimizeOptions, 'onEvent'> {
  readonly limits: SearchLimits;
  /** What to make small within the limits. Default: MACs; with limits of costs only, the drop. */
  readonly minimize?: 'macs' | 'params' | 'ms' | 'drop' | undefined;
  /** Measures what a network is worth. Needed for a limit of the drop, or to minimise it. */
  readonly metric?: Metric | undefined;
  /** Identifies what the metric measures on, for the store. */
  readonly metricData?: Dataset | undefined;
  /**
   * Rates of the machine (`machineRates` of `decouple/node`). With them milliseconds can be limited and minimised, and
   * passes refuse what is slower than the dense convolution.
   */
  readonly rates?: Rates | undefined;
  /** Pipelines with `$` for the share of MACs or ms. Default: {@link defaultFamilies}, of what is minimised. */
  readonly families?: readonly string[] | undefined;
  readonly store?: SearchStore | undefined;
  readonly onProgress?: ((progress: SearchProgress) => void) | undefined;
}

export interface Found extends OptimizeResult {
  readonly best: Trial;
  readonly trials: readonly Trial[];
  /** Score of the original network, when there is a metric. */
  readonly originalScore?: number;
}

/**
 * Pipelines to search by default, with or without calibration data: the best form of each layer; with data also that of a
 * network whose filters were pruned before, to a fifth of the logarithm of the ratio; and decoupling alone, which now and
 * then beats the mixture (docs/results/paper.md).
 * @param unit of their budgets.
 */
export function defaultFamilies(unit: 'macs' | 'ms', withData: boolean): readonly string[] {
  const refined = withData ? ', relu=6' : '';
  const best = (share: string): string => `decompose{${unit}=${share}x${refined}}`;
  return [
    best('$'),
    ...(withData ? [`channel-prune{macs=$^0.2x}, ${best('$^0.8')}`] : []),
    ...(unit === 'macs' ? [`decouple{macs=$x${refined}}`] : []),
  ].map((family) => `fold-batch-norm, ${family}`);
}

const absolute = (
  limit: number | { readonly share: number } | undefined,
  whole: number,
): number | undefined => (typeof limit === 'object' ? limit.share * whole : limit);

/** Everything a trial depends on besides its pipeline. */
async function contextOf(graph: Graph, options: SearchOptions): Promise<string> {
  const { calibration, metricData, metric, samples, seed } = options;
  return digestOf(
    JSON.stringify([
      await digestOfGraph(graph),
      calibration ? await digestOfDataset(calibration) : '',
      metricData ? await digestOfDataset(metricData) : '',
      metric?.name ?? '',
      samples ?? '',
      seed ?? 1,
      options.rates ?? '',
    ]),
  );
}

const keyed = (store: SearchStore, context: string): SearchStore => ({
  get: async (pipeline) => store.get(await digestOf(`${context} ${pipeline}`)),
  put: async (pipeline, measured) => store.put(await digestOf(`${context} ${pipeline}`), measured),
});

/**
 * Finds the pipeline and the budget that cost least within the limits, and applies them.
 * @throws OptionError when nothing within the limits was found, or something needed for them is not given.
 */
export async function search(graph: Graph, options: SearchOptions): Promise<Found> {
  const { calibration } = options;
  if (options.opened || !calibration) return searchWith(graph, options);
  const opened = openCalibration(graph, { ...options, calibration });
  try {
    return await searchWith(graph, { ...options, opened });
  } finally {
    opened.dispose();
  }
}

async function searchWith(graph: Graph, options: SearchOptions): Promise<Found> {
  const { limits, metric, rates, families, store, onProgress, signal } = options;
  const backend: Backend = options.backend ?? cpu();
  const settings = { ...options, backend, ...(rates && { cost: cpuCostModel(rates) }) };
  const inTime = rates && (limits.ms !== undefined || options.minimize === 'ms');
  const ms = async (network: Graph): Promise<number> => (await predict(network, { rates })).ms;
  const whole = totalCost(graph);
  const score = (network: Graph): Promise<number> =>
    (metric as Metric).score(network, { backend, original: graph, signal });
  let original: Promise<number> | undefined;
  const originalScore = (): Promise<number> => (original ??= score(graph));
  const result = await searchPipelines({
    graph,
    families: families ?? defaultFamilies(inTime ? 'ms' : 'macs', options.opened !== undefined),
    limits: defined({
      drop: limits.drop,
      ms: absolute(limits.ms, typeof limits.ms === 'object' && rates ? await ms(graph) : 0),
      macs: absolute(limits.macs, whole.macs),
      params: absolute(limits.params, whole.params),
    }),
    ...defined({ minimize: options.minimize, onProgress, signal }),
    apply: async (pipeline) => (await optimize(graph, pipeline, settings)).graph,
    ...(metric && {
      drop: async (network: Graph) => (await originalScore()) - (await score(network)),
    }),
    ...(rates && { ms }),
    ...(store && { store: keyed(store, await contextOf(graph, options)) }),
  });
  const { best, trials } = result;
  if (!best)
    throw new OptionError(
      `search: none of ${trials.length} trials is within the limits; relax them, or give other pipelines`,
    );
  const optimized = await optimize(graph, best.pipeline, settings);
  return {
    ...optimized,
    best,
    trials,
    ...(metric ? { originalScore: await originalScore() } : {}),
  };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
const defined = <T extends object>(fields: T): Defined<T> =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Defined<T>;
