/**
 * Ways to share a budget of MACs among layers.
 *
 *   knapsack   least sum of local errors, weighted by sensitivities where they were measured
 *   uniform    the same share of MACs for every layer
 *   greedy     AIMET's rule: every layer at every ratio alone, its effect on the outputs measured; one bound for all,
 *              each layer takes its cheapest ratio below the bound
 */
import { chooseWithinMacs, type Choices, type Plan } from '@decouple/decomposition';
import { OptionError } from '@decouple/tensor';

export interface Problem {
  readonly pass: string;
  readonly choices: readonly Choices[];
  readonly networkMacs: number;
  /** MACs of the whole network afterwards. */
  readonly budget: number;
}

/** Effect of building one layer alone on the outputs. */
export type Effect = (choice: Choices, plan: Plan) => Promise<number>;

/** The best plan of a layer with at most `share` of its dense MACs; the cheapest when there is none. */
function planAt({ plans }: Choices, share: number): Plan {
  const [dense] = plans;
  const affordable = plans.filter(({ macs }) => macs <= share * dense.macs * (1 + 1e-9));
  return affordable.length
    ? affordable.reduce((best, plan) => (plan.error < best.error ? plan : best))
    : plans.reduce((best, plan) => (plan.macs < best.macs ? plan : best));
}

const macsOfAll = ({ choices, networkMacs }: Problem, plans: readonly Plan[]): number =>
  plans.reduce(
    (sum, plan, index) => sum + plan.macs - (choices[index] as Choices).plans[0].macs,
    networkMacs,
  );

/** The largest bound in [0, 1] whose plans meet the budget, by bisection; plans must get dearer with the bound. */
function largestWithin(problem: Problem, plansAt: (bound: number) => Plan[]): Plan[] {
  if (macsOfAll(problem, plansAt(0)) > problem.budget)
    throw new OptionError(
      `${problem.pass}: a budget of ${Math.round(problem.budget)} MACs can't be met; the cheapest form of every layer gives ${macsOfAll(problem, plansAt(0))} MACs`,
    );
  let [low, high] = [0, 1];
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (macsOfAll(problem, plansAt(middle)) <= problem.budget) low = middle;
    else high = middle;
  }
  return plansAt(low);
}

export const allocateUniformly = (problem: Problem): Plan[] =>
  largestWithin(problem, (share) => problem.choices.map((choice) => planAt(choice, share)));

const ratios = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/** AIMET's greedy rule with outputs' divergence as the score. */
export async function allocateGreedily(problem: Problem, effect: Effect): Promise<Plan[]> {
  const tables: { readonly plan: Plan; readonly effect: number }[][] = [];
  for (const choice of problem.choices) {
    const plans = new Set(ratios.map((ratio) => planAt(choice, ratio)));
    const rows = [{ plan: choice.plans[0], effect: 0 }];
    for (const plan of plans)
      if (plan !== choice.plans[0]) rows.push({ plan, effect: await effect(choice, plan) });
    tables.push(rows.sort((a, b) => a.plan.macs - b.plan.macs));
  }
  const bounds = tables.flatMap((rows) => rows.map((row) => row.effect)).sort((a, b) => b - a);
  // A bound of 0 on the scale of `largestWithin` is the loosest one, that of the cheapest plans.
  return largestWithin(problem, (place) => {
    const bound = bounds[Math.floor(place * (bounds.length - 1))] as number;
    return tables.map(
      (rows) => (rows.find((row) => row.effect <= bound) ?? (rows.at(-1) as { plan: Plan })).plan,
    );
  });
}

/**
 * Effect on the outputs per unit of local error, measured with each layer alone at its share of the budget.
 * @returns weights by layer, 1 on average.
 */
export async function sensitivities(
  { choices, networkMacs, budget }: Problem,
  effect: Effect,
): Promise<Record<string, number>> {
  const found: [string, number][] = [];
  for (const choice of choices) {
    const plan = planAt(choice, Math.min(0.9, budget / networkMacs));
    if (plan === choice.plans[0] || !(plan.error > 0)) continue;
    found.push([choice.layer.conv.name, (await effect(choice, plan)) / plan.error]);
  }
  const mean = found.reduce((sum, [, value]) => sum + value, 0) / Math.max(1, found.length);
  return Object.fromEntries(found.map(([name, value]) => [name, mean > 0 ? value / mean : 1]));
}

export const allocateByKnapsack = (
  { pass, choices, networkMacs, budget }: Problem,
  weights?: Readonly<Record<string, number>>,
): Plan[] => chooseWithinMacs(pass, choices, networkMacs, budget, weights);
