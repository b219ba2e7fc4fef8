/**
 * The plans of one layer. With data they take seconds, and depend on nothing but the layer, the method and the data: a
 * search that runs a pass with one budget after the other on the same data plans once.
 */
import type { Derived, LayerRows } from '@decouple/calibration';
import type { Graph } from '@decouple/ir';
import { disturbance, type Disturbance } from './disturbance.ts';
import { withFittedErrors } from './fitted-errors.ts';
import { layerMetrics, sample, type Data } from './fitting.ts';
import type { Layer } from './layer.ts';
import type { Metric } from './metric.ts';
import type { Decomposer, Plan } from './plan.ts';

export interface LayerPlans {
  readonly plans: readonly Plan[];
  readonly disturbance?: Disturbance;
}

interface Measured {
  readonly rows: LayerRows;
  readonly metrics: readonly Metric[];
}

/** Rough size of a plan, bytes; what plans share is small beside activations. */
const planBytes = 1024;

/**
 * @param data without them the weights alone are compared.
 * @returns plans by method, in the order of the decomposers.
 */
export async function planLayer(
  graph: Graph,
  layer: Layer,
  decomposers: readonly Decomposer[],
  data: Data | undefined,
): Promise<LayerPlans> {
  if (!data)
    return { plans: decomposers.flatMap((decomposer) => decomposer.plans(layer, undefined)) };
  const { ridge, rounds, points } = data.options;
  const { conv } = layer;
  let measured: Promise<Measured> | undefined;
  const measure = (): Promise<Measured> =>
    (measured ??= sample(data, graph, layer, 'plan').then(async (rows) => ({
      rows,
      metrics: await layerMetrics(data, layer, rows),
    })));
  const remember = <T>(what: string, make: () => Promise<T>, bytes: (made: T) => number) =>
    data.calibration.derive(
      graph,
      [conv.inputs[0] as string, conv.outputs[0] as string],
      JSON.stringify([what, conv.name, ridge, rounds, points]),
      async (): Promise<Derived & { made: T }> => {
        const made = await make();
        return { made, bytes: bytes(made) };
      },
    );
  const plans: Plan[] = [];
  for (const decomposer of decomposers) {
    const make = async (): Promise<readonly Plan[]> => {
      const { rows, metrics } = await measure();
      const own = decomposer.plans(layer, metrics);
      return rounds > 0 ? withFittedErrors(own, { layer, metrics, rows, relu: 0, rounds }) : own;
    };
    const { key } = decomposer;
    const own =
      key === undefined
        ? await make()
        : (await remember(key, make, (made) => made.length * planBytes)).made;
    plans.push(...own);
  }
  const { made } = await remember(
    'disturbance',
    async () => disturbance(layer, (await measure()).metrics),
    () => layer.weight.byteLength,
  );
  return { plans, disturbance: made };
}
