/**
 * Data sets as streams of batches. A data set gives samples on demand, so that folders of images need not fit
 * into memory; preprocessing is x ↦ (x/255 - mean) / std per channel for bytes, (x - mean) / std for floats.
 */
import {
  allocate,
  createRandom,
  DataError,
  numbersOf,
  permutation,
  sizeOf,
  tensor,
  type Tensor,
} from '@decouple/tensor';

export interface Dataset {
  /** For messages and reports: a folder or file name. */
  readonly name: string;
  readonly samples: number;
  /** Shape of one sample, e.g. `[3, 32, 32]`. */
  readonly sampleShape: readonly number[];
  /** Class index of each sample, when known. */
  readonly labels?: readonly number[];
  /** Drawn by a program: fits trust them less. */
  readonly synthetic?: true;
  /** Float32 samples `[indices.length, …sampleShape]`, preprocessed. */
  batch(indices: readonly number[]): Promise<Tensor<'float32'>>;
}

/** Per-channel normalisation of pixels in 0..1. */
export interface Preprocess {
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

/** Checks a preprocessing against the number of channels; one value serves all channels. */
export function channelValues(
  values: readonly number[] | undefined,
  channels: number,
  fallback: number,
  what: string,
): number[] {
  if (!values) return new Array<number>(channels).fill(fallback);
  if (values.length !== channels && values.length !== 1)
    throw new DataError(`${what}: ${values.length} values given for ${channels} channels`);
  return Array.from(
    { length: channels },
    (_, channel) => values[values.length === 1 ? 0 : channel] as number,
  );
}

/** Elements of one sample beyond which its shape is taken for a mistake. */
const maxSampleSize = 2 ** 28;

/**
 * A data set in memory.
 * @param x samples `[count, channels, …]`, uint8 (scaled to 0..1) or float32.
 * @throws DataError when labels or normalisation don't fit.
 */
export function tensorDataset(
  x: Tensor,
  y?: Tensor,
  preprocess: Preprocess = {},
  name = 'tensor',
): Dataset {
  const [count, channels] = x.shape;
  if (count === undefined || channels === undefined || x.shape.length < 2)
    throw new DataError(
      `${name}: samples must be [count, channels, …], got [${x.shape.join(', ')}]`,
    );
  if (x.dtype !== 'uint8' && x.dtype !== 'float32')
    throw new DataError(`${name}: samples must be uint8 or float32, got ${x.dtype}`);
  if (y && y.data.length !== count)
    throw new DataError(`${name}: ${y.data.length} labels for ${count} samples`);
  const sampleShape = x.shape.slice(1);
  const size = sizeOf(sampleShape);
  // An array without elements can claim any sizes.
  if (size < 1 || size > maxSampleSize)
    throw new DataError(`${name}: samples of [${sampleShape.join(', ')}] are no images`);
  const mean = channelValues(preprocess.mean, channels, 0, `${name}: mean`);
  const std = channelValues(preprocess.std, channels, 1, `${name}: std`);
  if (std.some((value) => !(value > 0)))
    throw new DataError(`${name}: std must be positive, got ${std.join(', ')}`);
  const scale = x.dtype === 'uint8' ? 255 : 1;
  const source = x.data as ArrayLike<number>;
  const load = (indices: readonly number[]): Tensor<'float32'> => {
    const outside = indices.find((sample) => sample >= count);
    if (outside !== undefined) throw new DataError(`${name}: sample ${outside} of ${count}`);
    const out = allocate('float32', indices.length * size);
    indices.forEach((sample, place) => {
      for (let channel = 0, at = 0; channel < channels; channel++) {
        const [shift, factor] = [mean[channel] as number, std[channel] as number];
        for (let end = at + size / channels; at < end; at++)
          out[place * size + at] =
            ((source[sample * size + at] as number) / scale - shift) / factor;
      }
    });
    return tensor('float32', [indices.length, ...sampleShape], out);
  };
  return {
    name,
    samples: count,
    sampleShape,
    ...(y ? { labels: numbersOf(y) } : {}),
    batch: (indices) => Promise.resolve().then(() => load(indices)),
  };
}

/** `count` samples chosen by `seed`; equally many per class as far as labels allow. All when there are fewer. */
export function sampleDataset(dataset: Dataset, count: number, seed: number): Dataset {
  const order = permutation(createRandom(seed).fork('samples'), dataset.samples);
  const chosen = dataset.labels ? balanced(order, dataset.labels, count) : order.slice(0, count);
  const { labels } = dataset;
  return {
    name: dataset.name,
    samples: chosen.length,
    sampleShape: dataset.sampleShape,
    ...(labels ? { labels: chosen.map((sample) => labels[sample] as number) } : {}),
    ...(dataset.synthetic ? { synthetic: true } : {}),
    batch: (indices) => dataset.batch(indices.map((index) => chosen[index] as number)),
  };
}

/** Takes from each class in turn, in the given order. */
function balanced(order: readonly number[], labels: readonly number[], count: number): number[] {
  const classes = new Map<number, number[]>();
  for (const sample of order) {
    const label = labels[sample] as number;
    const queue = classes.get(label);
    if (queue) queue.push(sample);
    else classes.set(label, [sample]);
  }
  const queues = [...classes].sort(([a], [b]) => a - b).map(([, queue]) => queue);
  const chosen: number[] = [];
  for (let round = 0; chosen.length < Math.min(count, order.length); round++)
    for (const queue of queues) {
      const sample = queue[round];
      if (sample !== undefined && chosen.length < count) chosen.push(sample);
    }
  return chosen;
}

/** Index lists that cover a data set, `batchSize` at a time. */
export function* batchesOf(samples: number, batchSize: number): Generator<number[]> {
  for (let first = 0; first < samples; first += batchSize)
    yield Array.from(
      { length: Math.min(batchSize, samples - first) },
      (_, offset) => first + offset,
    );
}
