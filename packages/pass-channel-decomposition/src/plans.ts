/** The ways to build one layer from fewer filters, with their MACs and errors: every rank that pays. */
import {
  areaOf,
  emitChain,
  fitGroups,
  groupKernel,
  rankPlans,
  type FittedLayer,
  type Fitting,
  type Layer,
  type Metric,
  type RankedGroup,
  type RankLimits,
  type RankMethod,
  type RankPlan,
  type StageOutline,
} from '@decouple/decomposition';
import type { Patch } from '@decouple/ir';
import { float32 } from '@decouple/tensor';
import { equivalentKernel, exactRank, factorsOf, patchSize, type Factors } from './factors.ts';
import { directing, gains, redirecting, weightDirections, type Method } from './methods.ts';

export interface PlanOptions extends RankLimits {
  readonly method: Method;
}

const kernelOf = (layer: Layer, index: number): Float64Array =>
  Float64Array.from(groupKernel(layer, index));

/** What the ranks of every group are worth. */
function measure(
  layer: Layer,
  metrics: readonly Metric[] | undefined,
  method: Method,
  rank: number,
): RankedGroup[] {
  if (!metrics)
    return Array.from({ length: layer.size.groups }, (_, index) => {
      const { energy, total } = weightDirections(kernelOf(layer, index), layer.group.outputs, rank);
      return { energy, total, gains: energy };
    });
  return metrics.map((metric, index) => {
    const directions = directing(method, metric, kernelOf(layer, index))(metric.cross, rank);
    const { energy, total } = directions;
    return { energy, total, gains: gains(metric, directions) };
  });
}

const filterAttrs = ({ conv, size }: Layer) => {
  const { stride, pads, dilation } = conv.attrs;
  return { groups: size.groups, stride, pads, dilation };
};

const outlineOf = (layer: Layer, rank: number): StageOutline[] => {
  const { size, group } = layer;
  const filters = [size.groups * rank, group.inputs, ...size.kernel];
  return [
    { role: 'filters', shape: filters, ...filterAttrs(layer) },
    { role: 'pointwise', shape: [size.outChannels, rank, 1, 1], groups: size.groups },
  ];
};

/** The patch that replaces the layer by its filters and the pointwise convolution that mixes them. */
export function emitFactors(
  layer: Layer,
  groups: readonly Factors[],
  bias: Float32Array | undefined,
): Patch {
  const { conv, size, group } = layer;
  const [first] = groups as [Factors];
  const { rank } = first;
  const filters = new Float32Array(groups.length * rank * patchSize(group));
  const mixing = new Float32Array(size.outChannels * rank);
  groups.forEach((own, index) => {
    filters.set(own.filters, index * own.filters.length);
    for (let output = 0; output < group.outputs; output++)
      for (let at = 0; at < rank; at++)
        mixing[(index * group.outputs + output) * rank + at] = own.mixing[
          at * group.outputs + output
        ] as number;
  });
  return emitChain(
    conv,
    [
      {
        role: 'filters',
        weight: float32([groups.length * rank, group.inputs, ...size.kernel], filters),
        ...filterAttrs(layer),
      },
      {
        role: 'pointwise',
        weight: float32([size.outChannels, rank, 1, 1], mixing),
        groups: groups.length,
      },
    ],
    bias,
  );
}

/** Factors of every group from the weights alone. */
const closedForm = (layer: Layer, rank: number): Factors[] =>
  Array.from({ length: layer.size.groups }, (_, index) => {
    const directions = weightDirections(groupKernel(layer, index), layer.group.outputs, rank);
    return factorsOf(directions, layer.group, rank);
  });

/** Factors of every group, fitted to the data. */
export const fitLayer = (
  fitting: Fitting,
  method: Method,
  rank: number,
): Promise<FittedLayer<Factors>> =>
  fitGroups(fitting, (metric, index) => {
    const kernel = kernelOf(fitting.layer, index);
    return {
      factors: factorsOf(directing(method, metric, kernel)(metric.cross, rank), metric, rank),
      equivalent: equivalentKernel,
      refits: () => {
        const direct = redirecting(method, metric, kernel);
        return {
          solve: (cross) => factorsOf(direct(cross, rank), metric, rank),
          kernel: equivalentKernel,
        };
      },
    };
  });

/** All plans of a layer. @param metrics one for each group; without, the weights alone are compared. */
export const plansOf = (
  layer: Layer,
  metrics: readonly Metric[] | undefined,
  { method, ...limits }: PlanOptions,
): RankPlan[] => {
  const params = layer.size.groups * (patchSize(layer.group) + layer.group.outputs);
  const ranked: RankMethod = {
    method,
    full: exactRank(layer.group),
    macs: params * areaOf(layer.size.output),
    params,
    outline: (rank) => outlineOf(layer, rank),
    measure: (rank, own) => measure(layer, own, method, rank),
    closedForm: (rank) => emitFactors(layer, closedForm(layer, rank), layer.bias),
    fit: async (rank, fitting) => {
      const { groups, bias, ...built } = await fitLayer(fitting, method, rank);
      return { patch: emitFactors(layer, groups, bias), ...built };
    },
  };
  return rankPlans(layer, ranked, metrics, limits);
};
