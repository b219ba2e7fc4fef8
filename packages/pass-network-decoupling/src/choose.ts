/** Plans of layers whose terms are asked for one by one, not by a budget. */
import { OptionError } from '@decouple/tensor';
import type { Choices, Priced } from '@decouple/decomposition';
import type { Form } from './factors.ts';
import type { Target } from './options.ts';
import type { Decoupled } from './plans.ts';
import { energyCurve } from './slices.ts';

type PricedTerms = Decoupled & Priced;
const isDecoupled = (plan: Priced): plan is PricedTerms => 'slices' in plan;

/** The plan of each form whose number of terms per channel is nearest to `terms`; the best of them. */
function nearest({ plans }: Choices, terms: number): PricedTerms | undefined {
  const best = new Map<Form, PricedTerms>();
  const distance = ({ perChannel }: Decoupled): number => Math.abs(perChannel - terms);
  for (const plan of plans.filter(isDecoupled)) {
    const current = best.get(plan.method);
    if (!current || distance(plan) < distance(current)) best.set(plan.method, plan);
  }
  return [...best.values()].sort((a, b) => a.error - b.error)[0];
}

/** The cheapest plan that keeps `energy`: mean over channels for equal terms, of the layer for unequal ones. */
function keepingEnergy({ plans }: Choices, energy: number): PricedTerms | undefined {
  return plans
    .filter(isDecoupled)
    .filter(({ slices, perChannel, error }) => {
      const kept = Number.isInteger(perChannel)
        ? slices.reduce((sum, slice) => sum + (energyCurve(slice)[perChannel - 1] ?? 1), 0) /
          slices.length
        : 1 - error;
      return kept >= energy - 1e-12;
    })
    .sort((a, b) => a.macs - b.macs)[0];
}

/**
 * One plan per layer; `undefined` for layers that the target does not mention.
 * @throws OptionError when a table names unknown layers.
 */
export function chooseByTerms(
  choices: readonly Choices[],
  target: Exclude<Target, { kind: 'budget' }>,
): (PricedTerms | undefined)[] {
  switch (target.kind) {
    case 'terms':
      return choices.map((choice) => nearest(choice, target.terms));
    case 'energy':
      return choices.map((choice) => keepingEnergy(choice, target.energy));
    case 'table': {
      const names = new Set(choices.map(({ layer }) => layer.conv.name));
      const unknown = Object.keys(target.terms).filter((name) => !names.has(name));
      if (unknown.length)
        throw new OptionError(
          `decouple: no layer to decouple is named ${unknown.join(', ')}; there are ${[...names].join(', ')}`,
        );
      return choices.map((choice) => {
        const terms = target.terms[choice.layer.conv.name];
        return terms === undefined ? undefined : nearest(choice, terms);
      });
    }
  }
}
