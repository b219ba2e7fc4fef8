/** The ways to separate one layer, with their MACs and errors: both orders, every rank that pays. */
import {
  areaBetween,
  areaOf,
  emitChain,
  fitGroups,
  groupKernel,
  rankPlans,
  type Fitting,
  type Layer,
  type Metric,
  type RankedGroup,
  type RankLimits,
  type RankMethod,
  type RankPlan,
  type Stage,
  type StageOutline,
} from '@decouple/decomposition';
import type { NodeOf, Patch } from '@decouple/ir';
import { float32, type Tensor } from '@decouple/tensor';
import { exactRank, firstSize, secondSize, splitOf } from './factors.ts';
import { equivalentKernel, type Factors, type Order, type Split } from './factors.ts';
import { decomposeWeights } from './weights.ts';
import {
  explainedPerRank,
  refitFirst,
  outputSolver,
  secondSolver,
  splitMetric,
  startFromMetric,
} from './fit.ts';

export interface PlanOptions extends RankLimits {
  readonly order: 'auto' | Order;
}

/** Patch elements above which `order=auto` measures only the cheaper order: each takes seconds there. */
const wideLayer = 2304;

/** Multiplications that the conjugate gradient steps of one refit may take, and how many steps there are at most. */
const refitBudget = 16e9;
const mostSteps = 12;

/** MACs of one rank, in all groups. */
function macsPerRank({ size }: Layer, split: Split): number {
  const first = firstSize(split) * areaBetween(size, split.order);
  return size.groups * (first + secondSize(split) * areaOf(size.output));
}

/** Every group from the weights alone. */
const closedForm = (layer: Layer, split: Split, rank: number) =>
  Array.from({ length: layer.size.groups }, (_, index) =>
    decomposeWeights(groupKernel(layer, index), split, rank),
  );

/** What the ranks of every group are worth. */
function measure(
  layer: Layer,
  metrics: readonly Metric[] | undefined,
  split: Split,
  rank: number,
): RankedGroup[] {
  if (!metrics)
    return closedForm(layer, split, rank).map((group) => ({ ...group, gains: group.energy }));
  return metrics.map((metric, index) => {
    const own = splitMetric(metric, split);
    const { first, energy, total } = startFromMetric(own, groupKernel(layer, index), rank);
    return { energy, total, gains: explainedPerRank(own, first) };
  });
}

/**
 * Alternating fits of both stages; the error never rises. Where they start hardly matters after two rounds: the first
 * stage of the original kernel in the metric ends within a percent of that of the optimal dense kernel.
 * @param kernel W₀ `[O, D]`.
 */
export function fitFactors(
  metric: Metric,
  kernel: ArrayLike<number>,
  split: Split,
  { rank, rounds }: { readonly rank: number; readonly rounds: number },
): Factors {
  const own = splitMetric(metric, split);
  const start = startFromMetric(own, kernel, rank);
  let factors = secondSolver(own, start.first)(own.cross);
  const steps = Math.floor(refitBudget / (rank * metric.size ** 2));
  for (let round = 0; round < rounds; round++) {
    const moved = refitFirst(own, factors, Math.max(2, Math.min(mostSteps, steps)));
    factors = secondSolver(own, moved.first)(own.cross);
  }
  return factors;
}

const fitLayer = (fitting: Fitting, split: Split, rank: number) =>
  fitGroups(fitting, (metric, index) => {
    const { layer, rounds } = fitting;
    const factors = fitFactors(metric, groupKernel(layer, index), split, { rank, rounds });
    return {
      factors,
      equivalent: (current: Factors) => equivalentKernel(current, split),
      refits: () => outputSolver(splitMetric(metric, split), factors),
    };
  });

/** Weights `[r, …]` of the first stage of all groups, stacked. */
function firstWeight(groups: readonly Factors[], split: Split): Tensor<'float32'> {
  const size = firstSize(split);
  const rank = (groups[0] as Factors).rank;
  const data = new Float32Array(groups.length * rank * size);
  groups.forEach(({ first }, group) => data.set(first, group * rank * size));
  return float32([groups.length * rank, split.inputs, ...kernelsOf(split)[0]], data);
}

/** Weights `[O, r, …]` of the second stage of all groups, stacked. */
function secondWeight(groups: readonly Factors[], split: Split): Tensor<'float32'> {
  const { outputs, secondTaps } = split;
  const rank = (groups[0] as Factors).rank;
  const data = new Float32Array(groups.length * outputs * rank * secondTaps);
  groups.forEach(({ second }, group) => {
    for (let output = 0; output < outputs; output++)
      for (let at = 0; at < rank * secondTaps; at++)
        data[(group * outputs + output) * rank * secondTaps + at] = second[
          at * outputs + output
        ] as number;
  });
  return float32([groups.length * outputs, rank, ...kernelsOf(split)[1]], data);
}

type StageAxis = Omit<Stage, 'weight' | 'groups' | 'channels'>;

/** Roles, strides and padding of both stages. */
function stagesOf({ attrs }: NodeOf<'conv2d'>, { order }: Split): [StageAxis, StageAxis] {
  const { stride, pads, dilation } = attrs;
  const [top, left, bottom, right] = pads;
  const vertical: StageAxis = {
    role: 'vertical',
    stride: [stride[0], 1],
    pads: [top, 0, bottom, 0],
    dilation: [dilation[0], 1],
  };
  const horizontal: StageAxis = {
    role: 'horizontal',
    stride: [1, stride[1]],
    pads: [0, left, 0, right],
    dilation: [1, dilation[1]],
  };
  return order === 'vertical-first' ? [vertical, horizontal] : [horizontal, vertical];
}

/** Kernels of both stages. */
const kernelsOf = ({ order, firstTaps, secondTaps }: Split): [number[], number[]] =>
  order === 'vertical-first'
    ? [
        [firstTaps, 1],
        [1, secondTaps],
      ]
    : [
        [1, firstTaps],
        [secondTaps, 1],
      ];

function outlineOf({ conv, size: { groups } }: Layer, split: Split, rank: number): StageOutline[] {
  const [first, second] = stagesOf(conv, split);
  const [firstKernel, secondKernel] = kernelsOf(split);
  return [
    { ...first, shape: [groups * rank, split.inputs, ...firstKernel], groups },
    { ...second, shape: [groups * split.outputs, rank, ...secondKernel], groups },
  ];
}

/** The patch that replaces the layer. @param bias of the second stage. */
export function emitStages(
  { conv }: Layer,
  split: Split,
  groups: readonly Factors[],
  bias: Float32Array | undefined,
): Patch {
  const [first, second] = stagesOf(conv, split);
  return emitChain(
    conv,
    [
      { ...first, weight: firstWeight(groups, split), groups: groups.length },
      { ...second, weight: secondWeight(groups, split), groups: groups.length },
    ],
    bias,
  );
}
/** One order as a method. */
const inOrder = (layer: Layer, split: Split): RankMethod => ({
  method: split.order === 'vertical-first' ? 'vertical-horizontal' : 'horizontal-vertical',
  full: exactRank(split),
  macs: macsPerRank(layer, split),
  params: layer.size.groups * (firstSize(split) + secondSize(split)),
  outline: (rank) => outlineOf(layer, split, rank),
  measure: (rank, metrics) => measure(layer, metrics, split, rank),
  closedForm: (rank) => emitStages(layer, split, closedForm(layer, split, rank), layer.bias),
  fit: async (rank, fitting) => {
    const { groups, bias, ...built } = await fitLayer(fitting, split, rank);
    return { patch: emitStages(layer, split, groups, bias), ...built };
  },
});

/** Orders to measure. */
function ordersFor(layer: Layer, order: PlanOptions['order'], withData: boolean): Order[] {
  if (order !== 'auto') return [order];
  const both: Order[] = ['vertical-first', 'horizontal-first'];
  if (!withData || layer.group.inputs * layer.group.taps <= wideLayer) return both;
  const cost = (of: Order): number => macsPerRank(layer, splitOf(layer, of));
  return [cost(both[1] as Order) < cost(both[0] as Order) ? 'horizontal-first' : 'vertical-first'];
}

/** All plans of a layer. @param metrics one for each group; without, the weights alone are compared. */
export const plansOf = (
  layer: Layer,
  metrics: readonly Metric[] | undefined,
  options: PlanOptions,
): RankPlan[] =>
  ordersFor(layer, options.order, metrics !== undefined).flatMap((order) =>
    rankPlans(layer, inOrder(layer, splitOf(layer, order)), metrics, options),
  );
