/**
 * Ranks for a whole network by the energies of its layers: maximise Π_l E_l(d_l) within a budget of MACs. Greedily,
 * from the dense network, with the step that loses least of log E per MAC saved.
 * Source: Zhang et al., arXiv 1505.06798, section 3.4. There the steps are single eigenvalues from full rank; here they
 * go to any smaller rank, since the dense layer is cheaper than full rank.
 */
import {
  chooseWithinMacs,
  isRankPlan,
  type Choices,
  type Plan,
  type RankPlan,
} from '@decouple/decomposition';

interface Step {
  readonly place: number;
  readonly plan: RankPlan;
  /** Loss of log E per MAC saved. */
  readonly loss: number;
}

const energyOf = (plan: Plan): number => (isRankPlan(plan) ? plan.energy : 1);

function stepsOf({ plans }: Choices, place: number, current: Plan): Step[] {
  return plans
    .filter(isRankPlan)
    .filter(({ macs }) => macs < current.macs)
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
  networkMacs: number,
  budget: number,
): Plan[] {
  const chosen: Plan[] = choices.map(({ plans: [dense] }) => dense);
  let macs = networkMacs;
  while (macs > budget) {
    const steps = choices.flatMap((choice, place) => stepsOf(choice, place, chosen[place] as Plan));
    const [best] = steps.sort((a, b) => a.loss - b.loss || a.place - b.place);
    // Nothing is left to save: that allocation says what would be possible.
    if (!best) return chooseWithinMacs(pass, choices, networkMacs, budget);
    macs -= (chosen[best.place] as Plan).macs - best.plan.macs;
    chosen[best.place] = best.plan;
  }
  return chosen;
}
