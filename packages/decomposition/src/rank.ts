/** Decompositions with one number per group of a layer, a rank: their options and how plans are chosen by them. */
import { OptionError } from '@decouple/tensor';
import { z } from 'zod';
import { denseMacs, type Layer } from './layer.ts';
import { budgetOption, macsBudget, requireOneTarget } from './options.ts';
import type { Priced } from './price.ts';
import type { Plan } from './plan.ts';
import { isRankPlan, type RankPlan } from './rank-plans.ts';
import { chooseWithin, type Choices } from './run.ts';

/** Fields of a pass's options: the target, of which one is given, and what ranks are allowed. */
export const rankOptions = {
  rank: z
    .union([z.int().min(1), z.record(z.string(), z.int().min(1))])
    .optional()
    .describe('rank of every layer, or a table {layer: rank}; other layers stay dense'),
  speedup: z
    .number()
    .gt(1)
    .optional()
    .describe('MACs of every layer before, divided by those afterwards'),
  energy: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe('lowest rank that keeps this share of the squared singular values'),
  macs: budgetOption.describe(
    'MACs of the whole network afterwards, per image: a number (8.61G) or a share (0.5x); the default is 0.5x',
  ),
  multiple: z
    .int()
    .min(1)
    .max(64)
    .default(4)
    .describe('ranks are rounded such that the channels between are a multiple of this'),
};

/** What {@link rankOptions} give. */
export type RankOptions = z.output<z.ZodObject<typeof rankOptions>>;

type RankedPrice = RankPlan & Priced;

/** Of plans of one method by rising rank, the one that is asked for. */
type Choose = (plans: readonly RankedPrice[], layer: Layer) => RankedPrice | undefined;

const upToRank =
  (rank: number): Choose =>
  (plans) =>
    plans.find((plan) => plan.rank >= rank) ?? plans.at(-1);

const fasterBy =
  (speedup: number): Choose =>
  (plans, layer) =>
    plans.findLast(({ macs }) => macs * speedup <= denseMacs(layer)) ?? plans[0];

const keepingEnergy =
  (energy: number): Choose =>
  (plans) =>
    plans.find((plan) => plan.energy >= energy - 1e-12) ?? plans.at(-1);

/** The pick of each method, and of those the best. */
function bestPick(
  { layer, plans }: Choices,
  pick: Choose,
  by: (a: RankPlan, b: RankPlan) => number,
): RankedPrice | undefined {
  const ranked = plans.filter(isRankPlan);
  return [...new Set(ranked.map(({ method }) => method))]
    .flatMap((method) => {
      const own = ranked.filter((plan) => plan.method === method);
      return (
        pick(
          own.sort((a, b) => a.rank - b.rank),
          layer,
        ) ?? []
      );
    })
    .sort(by)[0];
}

const byError = (a: Plan, b: Plan): number => a.error - b.error || a.macs - b.macs;
const byMacs = (a: Plan, b: Plan): number => a.macs - b.macs || a.error - b.error;

function pickFromTable(
  pass: string,
  choices: readonly Choices[],
  table: Readonly<Record<string, number>>,
): (Priced | undefined)[] {
  const names = choices.map(({ layer }) => layer.conv.name);
  const unknown = Object.keys(table).filter((name) => !names.includes(name));
  if (unknown.length)
    throw new OptionError(
      `${pass}: option rank names no layer to decompose: ${unknown.join(', ')}; there are ${names.join(', ')}`,
    );
  return choices.map((choice) => {
    const rank = table[choice.layer.conv.name];
    return rank === undefined ? undefined : bestPick(choice, upToRank(rank), byError);
  });
}

/**
 * One plan per layer by the target in the options; `undefined` for layers that it does not mention.
 * @param within how a budget is spent.
 * @throws OptionError when several targets are given, a table names unknown layers or a budget can't be met.
 */
export function chooseByRank(
  pass: string,
  choices: readonly Choices[],
  networkMacs: number,
  { rank, speedup, energy, macs }: RankOptions,
  within: typeof chooseWithin = chooseWithin,
): readonly (Priced | undefined)[] {
  requireOneTarget(pass, { rank, speedup, energy, macs });
  const every = (pick: Choose, by: typeof byError): (Priced | undefined)[] =>
    choices.map((choice) => bestPick(choice, pick, by));
  if (typeof rank === 'number') return every(upToRank(rank), byError);
  if (rank) return pickFromTable(pass, choices, rank);
  if (speedup !== undefined) return every(fasterBy(speedup), byError);
  if (energy !== undefined) return every(keepingEnergy(energy), byMacs);
  return within(pass, choices, macsBudget(macs, networkMacs));
}
