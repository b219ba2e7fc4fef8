/**
 * Ways to share a budget of MACs or milliseconds among layers.
 *
 *   knapsack   least sum of local errors, weighted by sensitivities where they were measured
 *   uniform    the same share of its cost for every layer
 *   greedy     AIMET's rule: every layer at every ratio alone, its effect on the outputs measured; one bound for all,
 *              each layer takes its cheapest ratio below the bound
 */
import {
  chooseWithin,
  costIn,
  costWith,
  refuseBudget,
  type Budget,
  type Choices,
  type Disturbance,
  type Priced,
} from '@decouple/decomposition';

export interface Problem {
  readonly pass: string;
  readonly choices: readonly Choices[];
  readonly budget: Budget;
}

/** Effect of building one layer alone on the outputs. */
export type Effect = (choice: Choices, plan: Priced) => Promise<number>;

/** The best plan of a layer with at most `share` of its dense cost; the cheapest when there is none. */
function planAt({ plans }: Choices, share: number, budget: Budget): Priced {
  const cost = costIn(budget);
  const limit = share * cost(plans[0]) * (1 + 1e-9);
  const affordable = plans.filter((plan) => cost(plan) <= limit);
  return affordable.length
    ? affordable.reduce((best, plan) => (plan.error < best.error ? plan : best))
    : plans.reduce((best, plan) => (cost(plan) < cost(best) ? plan : best));
}

/** The largest bound in [0, 1] whose plans meet the budget, by bisection; plans must get dearer with the bound. */
function largestWithin(
  { pass, choices, budget }: Problem,
  plansAt: (bound: number) => Priced[],
): Priced[] {
  const costAt = (bound: number): number => costWith(budget, choices, plansAt(bound));
  if (costAt(0) > budget.limit) return refuseBudget(pass, budget, costAt(0));
  let [low, high] = [0, 1];
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (costAt(middle) <= budget.limit) low = middle;
    else high = middle;
  }
  return plansAt(low);
}

export const allocateUniformly = (problem: Problem): Priced[] =>
  largestWithin(problem, (share) =>
    problem.choices.map((choice) => planAt(choice, share, problem.budget)),
  );

const ratios = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/** AIMET's greedy rule with outputs' divergence as the score. */
export async function allocateGreedily(problem: Problem, effect: Effect): Promise<Priced[]> {
  const cost = costIn(problem.budget);
  const tables: { readonly plan: Priced; readonly effect: number }[][] = [];
  for (const choice of problem.choices) {
    const plans = new Set(ratios.map((ratio) => planAt(choice, ratio, problem.budget)));
    const rows = [{ plan: choice.plans[0], effect: 0 }];
    for (const plan of plans)
      if (plan !== choice.plans[0]) rows.push({ plan, effect: await effect(choice, plan) });
    tables.push(rows.sort((a, b) => cost(a.plan) - cost(b.plan)));
  }
  const bounds = tables.flatMap((rows) => rows.map((row) => row.effect)).sort((a, b) => b - a);
  // A bound of 0 on the scale of `largestWithin` is the loosest one, that of the cheapest plans.
  return largestWithin(problem, (place) => {
    const bound = bounds[Math.floor(place * (bounds.length - 1))] as number;
    return tables.map(
      (rows) => (rows.find((row) => row.effect <= bound) ?? (rows.at(-1) as { plan: Priced })).plan,
    );
  });
}

/**
 * Effect on the outputs per unit of local error, measured with random errors in each layer alone. On images that a
 * network was trained on it understates layers near the outputs: hence the power.
 * @returns weights by layer, 1 on average.
 */
export async function sensitivities(
  { choices }: Problem,
  effect: (disturbance: Disturbance) => Promise<number>,
  power: number,
): Promise<Record<string, number>> {
  const found: [string, number][] = [];
  for (const { layer, disturbance } of choices)
    if (disturbance && disturbance.error > 0)
      found.push([layer.conv.name, ((await effect(disturbance)) / disturbance.error) ** power]);
  const mean = found.reduce((sum, [, value]) => sum + value, 0) / Math.max(1, found.length);
  return Object.fromEntries(found.map(([name, value]) => [name, mean > 0 ? value / mean : 1]));
}

export const allocateByKnapsack = (
  { pass, choices, budget }: Problem,
  weights?: Readonly<Record<string, number>>,
): Priced[] => chooseWithin(pass, choices, budget, weights);
