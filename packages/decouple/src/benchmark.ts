/**
 * Latency of networks on backends, side by side. Machines are shared and clocks drift, so engines take turns in
 * rounds within one process instead of running one after the other; the median over all rounds is reported. All
 * engines of a network get the same input, and their outputs are compared: a fast wrong answer does not count.
 */
import { fastest, median, type Backend, type Executable, type Tensors } from '@decouple/backend';
import { requireSmall, type Dim, type Graph } from '@decouple/ir';
import {
  createRandom,
  difference,
  float32,
  messageOf,
  nextTurn,
  normals,
  sizeOf,
  UnsupportedError,
  type Tensor,
} from '@decouple/tensor';
import { compile } from './compile.ts';

/** One network on one backend. */
export interface BenchmarkEntry {
  /** Name of the network: entries of one name are the same network, and their outputs are compared. */
  readonly model: string;
  readonly graph: Graph;
  readonly backend: Backend;
}

export interface BenchmarkOptions {
  /** Default 1. */
  readonly threads?: number | undefined;
  /** Sizes of symbolic dimensions; unnamed ones are 1. */
  readonly bind?: Readonly<Record<string, number>> | undefined;
  /** Rounds in which every entry takes a turn. Default 12. */
  readonly rounds?: number | undefined;
  /** A turn repeats short runs until this much time has passed. Default 40 ms. */
  readonly turnMs?: number | undefined;
  /** Seed of the random inputs. Default 1. */
  readonly seed?: number | undefined;
  readonly onProgress?: ((done: number, total: number, what: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface BenchmarkResult {
  readonly model: string;
  readonly backend: string;
  readonly medianMs: number;
  /** The tenth percentile: what a quiet machine would give. */
  readonly fastMs: number;
  readonly runs: number;
  /** Largest difference of outputs to the first entry of the same network, relative to its largest output. */
  readonly maxRel: number;
  /** Why there is no figure; times are NaN then. */
  readonly failed?: string;
}

/**
 * Standard normal inputs for all inputs of a graph; symbolic dimensions from `bind`, else 1.
 * @throws UnsupportedError when an input is not float32 or too large.
 */
export function randomInputs(
  graph: Graph,
  bind: Readonly<Record<string, number>> = {},
  seed = 1,
): Record<string, Tensor> {
  const sizeOfDim = (dim: Dim): number => {
    if (typeof dim === 'number') return dim;
    return (Object.hasOwn(bind, dim) ? bind[dim] : undefined) ?? 1;
  };
  return Object.fromEntries(
    graph.inputs.map(({ name, type: { dtype, shape: dims } }) => {
      if (dtype !== 'float32')
        throw new UnsupportedError(
          `input '${name}' is ${dtype}; random inputs are made for float32 only`,
        );
      const shape = dims.map(sizeOfDim);
      requireSmall([{ dtype, shape }]);
      const random = createRandom(seed).fork(name);
      return [name, float32(shape, normals(random, sizeOf(shape)))];
    }),
  );
}

/** Largest difference over all outputs, paired by order. */
export function compareOutputs(
  expected: Readonly<Record<string, Tensor>>,
  actual: Readonly<Record<string, Tensor>>,
): { maxAbs: number; maxRel: number } {
  const [left, right] = [Object.values(actual), Object.values(expected)];
  const gaps = right.map((value, index) => difference(left[index] ?? value, value));
  return {
    maxAbs: Math.max(0, ...gaps.map((gap) => gap.maxAbs)),
    maxRel: Math.max(0, ...gaps.map((gap) => gap.maxRel)),
  };
}

interface Contender {
  readonly entry: BenchmarkEntry;
  readonly inputs: Tensors;
  readonly executable: Executable | undefined;
  readonly failed?: string;
  readonly maxRel: number;
  readonly times: number[];
}

const warmUpRuns = 3;

/** Compiles, warms up, and keeps the outputs for comparison. Backends that can't are reported, not thrown. */
async function prepare(
  entry: BenchmarkEntry,
  expected: Map<string, Record<string, Tensor>>,
  options: BenchmarkOptions,
): Promise<Contender> {
  const inputs = randomInputs(entry.graph, options.bind, options.seed);
  const known = Object.fromEntries(
    Object.entries(options.bind ?? {}).filter(([symbol]) =>
      entry.graph.inputs.some(({ type }) => type.shape.includes(symbol)),
    ),
  );
  try {
    const executable = await compile(entry.graph, entry.backend, {
      bind: known,
      threads: options.threads ?? 1,
    });
    let outputs: Record<string, Tensor> = {};
    for (let run = 0; run < warmUpRuns; run++) {
      await nextTurn(options.signal);
      outputs = await executable.run(inputs);
    }
    const reference = expected.get(entry.model);
    if (!reference) expected.set(entry.model, outputs);
    const maxRel = reference ? compareOutputs(reference, outputs).maxRel : 0;
    return { entry, inputs, executable, maxRel, times: [] };
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    const failed = messageOf(error);
    return { entry, inputs, executable: undefined, failed, maxRel: Number.NaN, times: [] };
  }
}

async function takeTurn({ executable, inputs, times }: Contender, turnMs: number): Promise<void> {
  if (!executable) return;
  const start = performance.now();
  for (let last = start; last - start < turnMs;) {
    await executable.run(inputs);
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
}

function summarize({ entry, failed, maxRel, times }: Contender): BenchmarkResult {
  return {
    model: entry.model,
    backend: entry.backend.name,
    medianMs: median(times),
    fastMs: fastest(times),
    runs: times.length,
    maxRel,
    ...(failed === undefined ? {} : { failed }),
  };
}

/**
 * Measures all entries in alternating rounds.
 * @throws ModelError when a network can't be bound or run; the signal's reason when cancelled. A backend that says
 * that it can't run a network gives a result with `failed` instead.
 */
export async function benchmark(
  entries: readonly BenchmarkEntry[],
  options: BenchmarkOptions = {},
): Promise<BenchmarkResult[]> {
  const { rounds = 12, turnMs = 40, onProgress, signal } = options;
  const total = entries.length * (rounds + 1);
  const expected = new Map<string, Record<string, Tensor>>();
  const contenders: Contender[] = [];
  let done = 0;
  const step = ({ model, backend }: BenchmarkEntry): void =>
    onProgress?.(++done, total, `${model} on ${backend.name}`);
  try {
    for (const entry of entries) {
      contenders.push(await prepare(entry, expected, options));
      step(entry);
    }
    for (let round = 0; round < rounds; round++)
      for (const contender of contenders) {
        await nextTurn(signal);
        await takeTurn(contender, turnMs);
        step(contender.entry);
      }
  } finally {
    for (const { executable } of contenders) executable?.dispose();
  }
  return contenders.map(summarize);
}
