/**
 * Accuracy of a classifier on labelled samples. A sample counts for top-k when fewer than k classes score at least
 * as high as its label (of equal scores the lower class wins, as argmax does). A NaN anywhere never helps: a NaN
 * score of another class counts as higher, a NaN score of the label as lowest.
 */
import type { Backend } from '@decouple/backend';
import { cpu } from '@decouple/backend-cpu';
import { batchesOf, sampleDataset, type Dataset } from '@decouple/calibration';
import type { Graph } from '@decouple/ir';
import {
  DataError,
  float32,
  floats,
  ModelError,
  nextTurn,
  sizeOf,
  type Tensor,
} from '@decouple/tensor';
import { batchingFor, compile } from './compile.ts';

export interface EvaluateOptions {
  /** Default: `cpu()`. */
  readonly backend?: Backend | undefined;
  /** Samples per run. Default 16; a network with a fixed batch uses its own. */
  readonly batchSize?: number | undefined;
  /** Evaluate on this many samples only, equally many per class, chosen by a fixed seed. */
  readonly limit?: number | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Accuracies in percent. */
export interface Accuracy {
  readonly top1: number;
  readonly top5: number;
  readonly count: number;
}

/** How many classes come before `label`. */
export function rankOf(scores: Float32Array, label: number): number {
  const own = scores[label] as number;
  if (Number.isNaN(own)) return scores.length;
  let rank = 0;
  for (let index = 0; index < scores.length; index++) {
    const other = scores[index] as number;
    const lower = other < own || (other === own && index >= label);
    if (!lower) rank++;
  }
  return rank;
}

/** Repeats the last sample until the batch has `size` samples. */
export function padBatch(batch: Tensor<'float32'>, size: number): Tensor<'float32'> {
  const [count = 0, ...sample] = batch.shape;
  if (count === size) return batch;
  const per = sizeOf(sample);
  const data = new Float32Array(size * per);
  data.set(batch.data);
  for (let index = count; index < size; index++)
    data.set(batch.data.subarray((count - 1) * per, count * per), index * per);
  return float32([size, ...sample], data);
}

function requireLabels({ name, labels, samples }: Dataset): readonly number[] {
  if (!labels || samples === 0)
    throw new DataError(
      `${name}: no labelled samples; accuracy needs images in class folders, or *_x.npy with *_y.npy`,
    );
  return labels;
}

/** Scores of each sample: the first output, flattened to [samples, classes]. */
function scoresOf(graph: Graph, outputs: Readonly<Record<string, Tensor>>, batch: number) {
  const name = graph.outputs[0] as string;
  const value = outputs[name] as Tensor;
  const scores = floats(value, `output '${name}'`);
  if (value.shape[0] !== batch)
    throw new ModelError(
      `output '${name}' is [${value.shape.join(', ')}]; a classifier gives [${batch}, classes]`,
    );
  return { scores, classes: scores.length / batch };
}

/**
 * Runs a classifier on a labelled data set.
 * @throws DataError when labels are missing or don't fit the classes; the signal's reason when cancelled.
 */
export async function evaluate(
  graph: Graph,
  dataset: Dataset,
  options: EvaluateOptions = {},
): Promise<Accuracy> {
  requireLabels(dataset);
  const data =
    options.limit === undefined || options.limit >= dataset.samples
      ? dataset
      : sampleDataset(dataset, options.limit, 0);
  const labels = requireLabels(data);
  const batching = batchingFor(graph, data, Math.min(options.batchSize ?? 16, data.samples));
  const executable = await compile(graph, options.backend ?? cpu(), { bind: batching.bind });
  let [top1, top5] = [0, 0];
  try {
    for (const indices of batchesOf(data.samples, batching.size)) {
      await nextTurn(options.signal);
      const batch = padBatch(await data.batch(indices), batching.size);
      const outputs = await executable.run({ [batching.input]: batch });
      const { scores, classes } = scoresOf(graph, outputs, batching.size);
      indices.forEach((sample, place) => {
        const label = labels[sample] as number;
        if (!(Number.isInteger(label) && label >= 0 && label < classes))
          throw new DataError(
            `${data.name}: sample ${sample} has label ${label}; '${graph.name}' has ${classes} classes`,
          );
        const rank = rankOf(scores.subarray(place * classes, (place + 1) * classes), label);
        if (rank < 1) top1++;
        if (rank < 5) top5++;
      });
      options.onProgress?.((indices.at(-1) as number) + 1, data.samples);
    }
  } finally {
    executable.dispose();
  }
  const percent = (hits: number): number => (100 * hits) / data.samples;
  return { top1: percent(top1), top5: percent(top5), count: data.samples };
}
