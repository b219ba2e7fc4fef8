/**
 * Ranks for a whole network by the energies of its layers: maximise Π_l E_l(d_l) within a budget of MACs. Greedily,
 * from the dense network, with the step that loses least of log E per MAC saved.
 * Source: Zhang et al., arXiv 1505.06798, section 3.4. There the steps are single eigenvalues from full rank; here they
 * go to any smaller rank, since the dense layer is cheaper than full rank.
 */
import {
  chooseWithin,
  isRankPlan,
  type Budget,
  type Choices,
  type Plan,
  type Priced,
  type RankPlan,
} from '@decouple/decomposition';

interface Step {
  readonly place: number;
  readonly plan: RankPlan & Priced;
  /** Loss of log E per MAC saved. */
  readonly loss: number;
}

const energyOf = (plan: Plan): number => (isRankPlan(plan) ? plan.energy : 1);

function stepsOf({ plans }: Choices, place: number, current: Plan): Step[] {
  return plans
    .filter((plan): plan is RankPlan & Priced => isRankPlan(plan) && plan.macs < current.macs)
    .map((plan) => ({
      place,
      plan,
      loss: (Math.log(energyOf(current)) - Math.log(plan.energy)) / (current.macs - plan.macs),
    }));
}

/** @throws OptionError when the budget can't be met. */
export function chooseByEnergy(
  pass: string,
  choices: readonly Choices[],
  budget: Budget,
): Priced[] {
  const chosen: Priced[] = choices.map(({ plans: [dense] }) => dense);
  let macs = budget.network;
  while (macs > budget.limit) {
    const steps = choices.flatMap((choice, place) =>
      stepsOf(choice, place, chosen[place] as Priced),
    );
    const [best] = steps.sort((a, b) => a.loss - b.loss || a.place - b.place);
    // Nothing is left to save: that allocation says what would be possible.
    if (!best) return chooseWithin(pass, choices, budget);
    macs -= (chosen[best.place] as Priced).macs - best.plan.macs;
    chosen[best.place] = best.plan;
  }
  return chosen;
}
