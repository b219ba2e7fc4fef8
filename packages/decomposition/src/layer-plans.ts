/**
 * The plans of a network's layers. With data they take seconds, and depend on nothing but the layer, the method and the
 * data: a search that runs a pass with one budget after the other on the same data plans once.
 */
import type { Derived, LayerRows } from '@decouple/calibration';
import type { Graph } from '@decouple/ir';
import { disturbance, type Disturbance } from './disturbance.ts';
import { gainsOf, measuresGains, withGains, type Gain } from './fitted-errors.ts';
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

interface MethodPlans {
  readonly plans: readonly Plan[];
  /** What fitting brings, where it was measured. */
  readonly gains?: readonly Gain[];
}

/** Rough size of the plans of one method, bytes: each has some fields, and they share forms of the kernel. */
const bytesOf = ({ weight }: Layer, { plans }: MethodPlans): number =>
  1024 * plans.length + 4 * weight.byteLength;

/**
 * Plans one layer after the other.
 * @param data without them the weights alone are compared.
 * @param disturb whether to work out disturbances, too; they need data.
 */
export function layerPlanner(
  graph: Graph,
  data: Data | undefined,
  disturb: boolean,
): (layer: Layer, decomposers: readonly Decomposer[]) => Promise<LayerPlans> {
  /** What fitting brought to each method on the last layer where that was measured. */
  const lastGains = new Map<Decomposer, readonly Gain[]>();
  return async (layer, decomposers) => {
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
    const plan = async (decomposer: Decomposer): Promise<MethodPlans> => {
      const { rows, metrics } = await measure();
      const plans = decomposer.plans(layer, metrics);
      if (rounds === 0 || !measuresGains(layer)) return { plans };
      return { plans, gains: await gainsOf(plans, { layer, metrics, rows, relu: 0, rounds }) };
    };
    const all: Plan[] = [];
    for (const decomposer of decomposers) {
      const { key } = decomposer;
      const own =
        key === undefined
          ? await plan(decomposer)
          : (
              await remember(
                key,
                () => plan(decomposer),
                (made) => bytesOf(layer, made),
              )
            ).made;
      if (own.gains) lastGains.set(decomposer, own.gains);
      all.push(...withGains(layer, own.plans, lastGains.get(decomposer) ?? []));
    }
    if (!disturb) return { plans: all };
    const { made } = await remember(
      'disturbance',
      async () => disturbance(layer, (await measure()).metrics),
      () => layer.weight.byteLength,
    );
    return { plans: all, disturbance: made };
  };
}
