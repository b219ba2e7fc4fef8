/** What a network is worth on a data set, as one number: pluggable, so that searches need not know about classes. */
import type { Backend } from '@decouple/backend';
import { batchesOf, type Dataset } from '@decouple/calibration';
import type { Graph } from '@decouple/ir';
import { DataError, floats, nextTurn, OptionError, type Tensor } from '@decouple/tensor';
import { batchingFor, compile } from './compile.ts';
import { evaluate, padBatch } from './evaluate.ts';

export interface MetricContext {
  readonly backend: Backend;
  readonly original: Graph;
  readonly signal?: AbortSignal | undefined;
}

/** Higher is better. */
export interface Metric {
  readonly name: string;
  readonly unit: string;
  score(graph: Graph, context: MetricContext): Promise<number>;
}

/** First outputs of a network for every sample, `[samples, elements]`, and a visit of each. */
async function forEachOutput(
  graph: Graph,
  dataset: Dataset,
  { backend, signal }: MetricContext,
  visit: (output: Float32Array, sample: number) => void,
): Promise<void> {
  const batching = batchingFor(graph, dataset, Math.min(16, dataset.samples));
  const executable = await compile(graph, backend, { bind: batching.bind });
  try {
    for (const indices of batchesOf(dataset.samples, batching.size)) {
      await nextTurn(signal);
      const batch = padBatch(await dataset.batch(indices), batching.size);
      const outputs = await executable.run({ [batching.input]: batch });
      const name = graph.outputs[0] as string;
      const data = floats(outputs[name] as Tensor, `output '${name}'`);
      const per = data.length / batching.size;
      indices.forEach((sample, place) =>
        visit(data.subarray(place * per, (place + 1) * per), sample),
      );
    }
  } finally {
    executable.dispose();
  }
}

const largestAt = (scores: Float32Array): number =>
  scores.reduce((best, score, index) => (score > (scores[best] as number) ? index : best), 0);

/** Share of labelled samples in percent whose label is the best, or among the best five. */
export const accuracyMetric = (name: 'top1' | 'top5', dataset: Dataset): Metric => ({
  name,
  unit: 'points',
  score: async (graph, { backend, signal }) =>
    (await evaluate(graph, dataset, { backend, signal }))[name],
});

/** Share of samples in percent on which a classifier decides like the original; needs no labels. */
export const agreementMetric = (dataset: Dataset): Metric => {
  let decisions: Promise<number[]> | undefined;
  const decide = async (graph: Graph, context: MetricContext): Promise<number[]> => {
    const classes: number[] = [];
    await forEachOutput(graph, dataset, context, (output) => void classes.push(largestAt(output)));
    return classes;
  };
  return {
    name: 'agreement',
    unit: 'points',
    score: async (graph, context) => {
      const wanted = await (decisions ??= decide(context.original, context));
      const found = await decide(graph, context);
      return (
        (100 * found.filter((decision, index) => decision === wanted[index]).length) / found.length
      );
    },
  };
};

/**
 * Mean peak signal-to-noise ratio of the first output against target images, in dB; outputs are clipped to 0..peak.
 * @param targets one for each sample of `inputs`, in the range 0..peak.
 */
export const psnrMetric = (inputs: Dataset, targets: Dataset, peak = 1): Metric => {
  if (inputs.samples !== targets.samples)
    throw new DataError(
      `${targets.name}: ${targets.samples} target images for ${inputs.samples} inputs of ${inputs.name}`,
    );
  return {
    name: 'psnr',
    unit: 'dB',
    score: async (graph, context) => {
      const outputs: Float32Array[] = [];
      await forEachOutput(graph, inputs, context, (output) => void outputs.push(output.slice()));
      let sum = 0;
      for (const [sample, output] of outputs.entries()) {
        const { data } = await targets.batch([sample]);
        if (data.length !== output.length)
          throw new DataError(
            `${targets.name}: image ${sample} has ${data.length} values, the network gives ${output.length}`,
          );
        const error = output.reduce(
          (total, value, index) =>
            total + (Math.min(peak, Math.max(0, value)) - (data[index] as number)) ** 2,
          0,
        );
        sum += 10 * Math.log10((peak * peak * output.length) / Math.max(error, 1e-300));
      }
      return sum / outputs.length;
    },
  };
};

export const metricNames = ['top1', 'top5', 'agreement'] as const;

/** A metric of one data set by name. @throws OptionError when there is none of that name. */
export function metricByName(name: string, dataset: Dataset): Metric {
  if (name === 'top1' || name === 'top5') return accuracyMetric(name, dataset);
  if (name === 'agreement') return agreementMetric(dataset);
  throw new OptionError(`'${name}' is not a metric; there are ${metricNames.join(', ')}`);
}
