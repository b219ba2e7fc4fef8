/**
 * What data-driven passes see of the calibration data: values of any network, batch by batch.
 *
 * Passes go through a network layer by layer and ask for the input of each layer in turn. Each value that was
 * asked for is kept, within a memory budget, so that the next layer starts from there instead of from the images.
 */
import type { Backend, Executable } from '@decouple/backend';
import { bindSymbols, elementsOf, extractGraph, symbolsOf, usesOf, type Graph } from '@decouple/ir';
import { DataError, float32, ModelError, nextTurn, type Tensor } from '@decouple/tensor';
import { batchesOf, type Dataset } from './dataset.ts';
import { createFingerprints } from './fingerprint.ts';

/** Values of one batch of calibration samples. */
export interface ObservedBatch {
  readonly index: number;
  /** Place of the batch's first sample in the whole set. */
  readonly firstSample: number;
  /** Number of samples, the first axis of every tensor. */
  readonly size: number;
  /** Tensors by value name. Valid during the visit only. */
  readonly values: ReadonlyMap<string, Tensor>;
}

/** Something made from values, with its size for the memory budget. Not to be written to. */
export interface Derived {
  readonly bytes: number;
}

export interface Calibration {
  /** The network whose responses are the target: as imported, before any approximate pass. */
  readonly original: Graph;
  /** Number of samples. */
  readonly samples: number;
  readonly seed: number;
  /** The samples are not pictures but drawn by a program. */
  readonly synthetic: boolean;
  /**
   * Runs `graph` on all samples and shows `values` of each batch, in a fixed order. Values already computed for an
   * identical part of a network are reused within a memory budget.
   * @throws ModelError when a value does not exist; the signal's reason when it is aborted.
   */
  observe(
    graph: Graph,
    values: readonly string[],
    visit: (batch: ObservedBatch) => void,
    signal?: AbortSignal,
  ): Promise<void>;
  /**
   * What `make` makes from `values` of `graph`: kept within a budget of its own, and made once as long as it is. For
   * small results of large values.
   * @param purpose tells apart what is made from the same values.
   */
  derive<T extends Derived>(
    graph: Graph,
    values: readonly string[],
    purpose: string,
    make: () => Promise<T>,
  ): Promise<T>;
  /** Frees cached activations. */
  dispose(): void;
}

export interface CalibrationOptions {
  readonly original: Graph;
  /** Preprocessed samples; never those on which accuracy is reported. */
  readonly dataset: Dataset;
  readonly backend: Backend;
  readonly seed?: number;
  /** Samples per run. Default 32, or fewer where values are large. */
  readonly batchSize?: number;
  /** Budget for kept activations, bytes. Default 1 GiB. What is derived from them may take three quarters of it more. */
  readonly cacheBytes?: number;
}

/** One value of all samples: a Float32 tensor per batch. */
interface Observed extends Derived {
  readonly batches: readonly Tensor[];
}

/** Kept values by fingerprint; the least recently used go first. */
interface Cache {
  get(print: string): Derived | undefined;
  put(print: string, value: Derived): void;
  clear(): void;
}

const bytesOf = (batches: readonly Tensor[]): number =>
  batches.reduce((sum, batch) => sum + batch.data.byteLength, 0);

function createCache(limit: number): Cache {
  const kept = new Map<string, Derived>();
  let bytes = 0;
  return {
    get(print) {
      const value = kept.get(print);
      if (value) {
        kept.delete(print);
        kept.set(print, value);
      }
      return value;
    },
    put(print, value) {
      if (value.bytes > limit || kept.has(print)) return;
      kept.set(print, value);
      bytes += value.bytes;
      for (const [old, held] of kept) {
        if (bytes <= limit) break;
        kept.delete(old);
        bytes -= held.bytes;
      }
    },
    clear() {
      kept.clear();
      bytes = 0;
    },
  };
}

/** The values nearest to `wanted` that are already known, walking from outputs to inputs. */
function frontierOf(
  graph: Graph,
  wanted: readonly string[],
  isKnown: (value: string) => boolean,
): string[] {
  const { producer } = usesOf(graph);
  const seen = new Set<string>();
  const frontier: string[] = [];
  const stack = [...wanted];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (value === '' || seen.has(value) || graph.constants.has(value)) continue;
    seen.add(value);
    const node = producer.get(value);
    if (isKnown(value)) frontier.push(value);
    else if (node) stack.push(...node.inputs);
  }
  return frontier;
}

/** Repeats the last sample so that every batch has the compiled size. */
function padded(value: Tensor, size: number): Tensor {
  const count = value.shape[0] as number;
  if (count === size) return value;
  const data = value.data as Float32Array;
  const per = data.length / count;
  const out = new Float32Array(per * size);
  out.set(data);
  for (let sample = count; sample < size; sample++)
    out.set(data.subarray((count - 1) * per, count * per), sample * per);
  return float32([size, ...value.shape.slice(1)], out);
}

const trimmed = (value: Tensor, count: number): Tensor => {
  const per = value.data.length / (value.shape[0] as number);
  return float32(
    [count, ...value.shape.slice(1)],
    (value.data as Float32Array).subarray(0, per * count),
  );
};

/** Bytes that one value of a batch may have. */
const maxValueBytes = 2 ** 28;

/** Samples per run, all batches alike as far as possible, and the sizes of the input's symbols. */
function bindingOf(
  { original, dataset, batchSize }: CalibrationOptions,
  [batch, ...dims]: readonly (number | string)[],
): { batchSize: number; sizes: Readonly<Record<string, number>> } {
  const sizes: Record<string, number> = {};
  dims.forEach((dim, axis) => {
    if (typeof dim === 'string') sizes[dim] = dataset.sampleShape[axis] as number;
  });
  if (typeof batch !== 'string') return { batchSize: batch as number, sizes };
  const types = [...bindSymbols(original, sizes).types.values()];
  const largest = types.reduce((most, type) => Math.max(most, elementsOf(type)), 1);
  const most = Math.max(1, Math.min(32, Math.floor(maxValueBytes / (4 * largest))));
  const { samples } = dataset;
  const chosen = Math.min(batchSize ?? Math.ceil(samples / Math.ceil(samples / most)), samples);
  return { batchSize: chosen, sizes: { ...sizes, [batch]: chosen } };
}

/**
 * Calibration over a data set, executed by a backend.
 * @throws DataError when the data don't fit the network's input; ModelError when the network has several inputs.
 */
export function createCalibration(options: CalibrationOptions): Calibration {
  const { original, dataset, backend, seed = 1, cacheBytes = 2 ** 30 } = options;
  const [input, ...others] = original.inputs;
  if (!input || others.length)
    throw new ModelError(
      `graph '${original.name}': calibration needs a network of one input, this one has ${original.inputs.length}`,
    );
  const inputName = input.name;
  const expected = input.type.shape.slice(1);
  if (
    expected.some((dim, axis) => typeof dim === 'number' && dim !== dataset.sampleShape[axis]) ||
    expected.length !== dataset.sampleShape.length
  )
    throw new DataError(
      `${dataset.name}: samples are [${dataset.sampleShape.join(', ')}], input '${input.name}' wants [${expected.join(', ')}]`,
    );
  if (dataset.samples === 0) throw new DataError(`${dataset.name}: no samples to calibrate on`);
  const { batchSize, sizes } = bindingOf(options, input.type.shape);
  const indices = [...batchesOf(dataset.samples, batchSize)];
  const prints = createFingerprints();
  const cache = createCache(cacheBytes);
  const derived = createCache(0.75 * cacheBytes);

  const printOf = (graph: Graph, value: string): string => String(prints.of(graph, value));
  const known = (graph: Graph, value: string): readonly Tensor[] | undefined =>
    (cache.get(printOf(graph, value)) as Observed | undefined)?.batches;

  async function observe(
    graph: Graph,
    values: readonly string[],
    visit: (batch: ObservedBatch) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const wanted = [...new Set(values)];
    const frontier = frontierOf(graph, wanted, (value) => known(graph, value) !== undefined);
    const held = new Map(
      frontier.map((value) => [value, known(graph, value) as readonly Tensor[]]),
    );
    const missing = wanted.filter((value) => !held.has(value) && value !== inputName);
    const part = extractGraph(graph, missing, frontier);
    const needsImages =
      !held.has(inputName) &&
      (wanted.includes(inputName) || part.inputs.some(({ name }) => name === inputName));
    const executable: Executable | undefined = missing.length
      ? await backend.compile(part, {
          bind: {
            ...Object.fromEntries(symbolsOf(part).map((name) => [name, batchSize])),
            ...sizes,
          },
        })
      : undefined;
    const computed = needsImages ? [inputName, ...missing] : missing;
    const kept = new Map<string, Tensor[]>(computed.map((value) => [value, []]));
    try {
      for (const [index, samples] of indices.entries()) {
        await nextTurn(signal);
        const sources = new Map<string, Tensor>();
        for (const [value, batches] of held) sources.set(value, batches[index] as Tensor);
        if (needsImages) sources.set(inputName, await dataset.batch(samples));
        const feeds = Object.fromEntries(
          part.inputs.map(({ name }) => [name, padded(sources.get(name) as Tensor, batchSize)]),
        );
        const results = (await executable?.run(feeds)) ?? {};
        const shown = new Map<string, Tensor>();
        for (const value of wanted) {
          const result = results[value];
          const batch = result ? trimmed(result, samples.length) : (sources.get(value) as Tensor);
          shown.set(value, batch);
        }
        for (const [value, batches] of kept)
          batches.push((shown.get(value) ?? sources.get(value)) as Tensor);
        visit({ index, firstSample: samples[0] as number, size: samples.length, values: shown });
        for (const [value, batches] of kept) if (bytesOf(batches) > cacheBytes) kept.delete(value);
      }
    } finally {
      executable?.dispose();
    }
    for (const [value, batches] of kept)
      cache.put(printOf(graph, value), { batches, bytes: bytesOf(batches) } as Observed);
  }

  async function derive<T extends Derived>(
    graph: Graph,
    values: readonly string[],
    purpose: string,
    make: () => Promise<T>,
  ): Promise<T> {
    const print = `${purpose} of ${values.map((value) => prints.of(graph, value)).join()}`;
    const made = (derived.get(print) as T | undefined) ?? (await make());
    derived.put(print, made);
    return made;
  }

  return {
    original,
    samples: dataset.samples,
    seed,
    synthetic: dataset.synthetic ?? false,
    observe,
    derive,
    dispose: () => {
      cache.clear();
      derived.clear();
    },
  };
}
