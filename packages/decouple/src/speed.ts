/**
 * What an optimisation did to the clock: milliseconds of a network before and after on each of several backends, the
 * whole (in alternating rounds, see benchmark.ts) and layer by layer (see profile.ts).
 */
import type { Backend, ExecutableInfo } from '@decouple/backend';
import type { Graph } from '@decouple/ir';
import { UnsupportedError } from '@decouple/tensor';
import { benchmark, type BenchmarkOptions } from './benchmark.ts';
import { profile, type KernelTime, type Profile } from './profile.ts';

/** A backend, and the threads that it is to use. */
export interface SpeedSetup {
  readonly backend: Backend;
  /** Default 1. */
  readonly threads?: number | undefined;
}

/** Milliseconds of a layer, summed over its kernels. */
export interface LayerSpeed {
  readonly layer: string;
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** What is known when a backend can run both networks. */
export interface MeasuredSpeed {
  /** Medians of whole runs, batch 1 unless the file or `bind` says otherwise. */
  readonly beforeMs: number;
  readonly afterMs: number;
  /** Empty when the backend does not tell times of single nodes. */
  readonly layers: readonly LayerSpeed[];
  /** Of the optimised network. */
  readonly kernels: readonly KernelTime[];
  /** Of the optimised network; absent when the backend does not tell times of single nodes. */
  readonly info?: ExecutableInfo;
}

export type Speed = { readonly backend: string; readonly threads: number } & (
  MeasuredSpeed | { readonly failed: string }
);

export type SpeedOptions = Omit<BenchmarkOptions, 'threads'>;

/** Speeds of backends that could run both networks. */
export const measuredSpeeds = (speeds: readonly Speed[]) =>
  speeds.filter((speed): speed is Speed & MeasuredSpeed => !('failed' in speed));

const sumOf = (kernels: readonly KernelTime[], layer: string): number =>
  kernels.reduce((sum, kernel) => sum + (kernel.layer === layer ? kernel.medianMs : 0), 0);

/** Times of kernels need about as long as this, of ten runs at most and one at least. */
const profileMs = 500;

/** Kernels of a network that takes `ms`, or none where the backend does not tell. */
async function profileIfPossible(
  graph: Graph,
  { backend, threads }: SpeedSetup,
  { bind, seed, signal }: SpeedOptions,
  ms: number,
): Promise<Profile | undefined> {
  const runs = Math.min(10, Math.ceil(profileMs / ms));
  try {
    return await profile(graph, backend, { threads, bind, seed, signal, runs });
  } catch (error) {
    if (error instanceof UnsupportedError) return undefined;
    throw error;
  }
}

async function speedOn(
  before: Graph,
  after: Graph,
  setup: SpeedSetup,
  options: SpeedOptions,
): Promise<Speed> {
  const { backend, threads = 1 } = setup;
  const entry = (model: string, graph: Graph) => ({ model, graph, backend });
  const entries = [entry('before', before), entry('after', after)];
  const [old, now] = await benchmark(entries, { ...options, threads });
  const failed = old?.failed ?? now?.failed;
  const { name } = backend;
  if (!old || !now || failed !== undefined)
    return { backend: name, threads, failed: failed ?? 'it was not measured' };
  const profiles = [
    await profileIfPossible(before, setup, options, old.medianMs),
    await profileIfPossible(after, setup, options, now.medianMs),
  ];
  const [oldKernels = [], kernels = []] = profiles.map((each) => each?.kernels);
  const layers = [...oldKernels, ...kernels].flatMap(({ layer }) => layer ?? []);
  const info = profiles[1]?.info;
  return {
    backend: name,
    threads: info?.threads ?? threads,
    beforeMs: old.medianMs,
    afterMs: now.medianMs,
    layers: [...new Set(layers)].map((layer) => ({
      layer,
      beforeMs: sumOf(oldKernels, layer),
      afterMs: sumOf(kernels, layer),
    })),
    kernels,
    ...(info && { info }),
  };
}

/**
 * Measures two networks on each backend in turn. A backend that can't run them gives the reason instead of figures.
 * @throws ModelError when a network can't be bound; the signal's reason when cancelled.
 */
export async function compareSpeed(
  before: Graph,
  after: Graph,
  setups: readonly SpeedSetup[],
  options: SpeedOptions = {},
): Promise<Speed[]> {
  const speeds: Speed[] = [];
  for (const [index, setup] of setups.entries()) {
    const onProgress: BenchmarkOptions['onProgress'] = (done, total) =>
      options.onProgress?.(index * total + done, setups.length * total, setup.backend.name);
    speeds.push(await speedOn(before, after, setup, { ...options, onProgress }));
  }
  return speeds;
}
