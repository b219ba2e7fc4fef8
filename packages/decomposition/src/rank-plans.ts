/** Plans of methods that have one number per group of a layer, a rank: one plan for each rank that pays. */
import type { Patch } from '@decouple/ir';
import type { StageOutline } from './chain.ts';
import { denseMacs, type Layer } from './layer.ts';
import type { Metric } from './metric.ts';
import type { Built, Fitting, Plan } from './plan.ts';

/** A plan of some rank. */
export interface RankPlan extends Plan {
  /** Per group. */
  readonly rank: number;
  /** Share of squared singular values that is kept. */
  readonly energy: number;
}

export const isRankPlan = <P extends Plan>(plan: P): plan is P & RankPlan => 'rank' in plan;

/** What the ranks 1, 2, … of one group are worth. */
export interface RankedGroup {
  /** Squared singular values, and the sum of all that there are. */
  readonly energy: Float64Array;
  readonly total: number;
  /** By how much each rank lowers the error in the data metric. */
  readonly gains: Float64Array;
}

/** A method that gives plans. */
export interface RankMethod {
  readonly method: string;
  /** Rank per group that reproduces any kernel. */
  readonly full: number;
  /** MACs and weights of one rank, in all groups. */
  readonly macs: number;
  readonly params: number;
  /** The convolutions of a rank. */
  outline(rank: number): readonly StageOutline[];
  /** Groups up to a rank; without metrics the gains are the energy. */
  measure(rank: number, metrics: readonly Metric[] | undefined): readonly RankedGroup[];
  /** Builds a rank from the weights alone. */
  closedForm(rank: number): Patch;
  fit(rank: number, fitting: Fitting): Promise<Built>;
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);

export interface RankLimits {
  /** Channels over all groups are a multiple of this. */
  readonly multiple: number;
  readonly allowCostlier: boolean;
}

/**
 * Ranks worth planning, ascending: those that give multiples of `multiple` channels over all groups, and the full
 * rank. They end with the first that costs as much as the dense layer, unless costlier ones are allowed too.
 */
function candidateRanks(
  layer: Layer,
  { full, macs }: Pick<RankMethod, 'full' | 'macs'>,
  { multiple, allowCostlier }: RankLimits,
): number[] {
  const step = multiple / greatestCommonDivisor(multiple, layer.size.groups);
  const ranks = Array.from({ length: Math.ceil(full / step) }, (_, index) =>
    Math.min(full, (index + 1) * step),
  );
  const dear = ranks.findIndex((rank) => rank * macs >= denseMacs(layer));
  return allowCostlier || dear < 0 ? ranks : ranks.slice(0, dear + 1);
}

/** Sums over groups of the first 1, 2, … of their values. */
function cumulative(parts: readonly Float64Array[]): number[] {
  let sum = 0;
  return Array.from(parts[0] ?? [], (_, rank) => {
    for (const part of parts) sum += part[rank] as number;
    return sum;
  });
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** Plans of a method for one layer. @param metrics one for each group; without, the weights alone are compared. */
export function rankPlans(
  layer: Layer,
  method: RankMethod,
  metrics: readonly Metric[] | undefined,
  limits: RankLimits,
): RankPlan[] {
  const ranks = candidateRanks(layer, method, limits);
  const groups = method.measure(ranks.at(-1) as number, metrics);
  const total = sumOf(groups.map((group) => group.total));
  const [power, variance] = metrics
    ? [sumOf(metrics.map((own) => own.power)), sumOf(metrics.map((own) => own.targetVariance))]
    : [total, total];
  const energies = cumulative(groups.map(({ energy }) => energy));
  const gains = cumulative(groups.map((group) => group.gains));
  return ranks.map((rank) => {
    const energy = Math.min(1, (energies[rank - 1] as number) / (total || 1));
    const error = Math.max(0, (power - (gains[rank - 1] as number)) / (variance || 1));
    return {
      method: method.method,
      rank,
      energy,
      macs: rank * method.macs,
      params: rank * method.params,
      outline: method.outline(rank),
      error,
      columns: { rank, energy: Number(energy.toFixed(3)) },
      build: (fitting) =>
        fitting ? method.fit(rank, fitting) : { patch: method.closedForm(rank), error },
    };
  });
}
