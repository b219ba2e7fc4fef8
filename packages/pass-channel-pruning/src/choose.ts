/**
 * Numbers of channels under a budget for the whole network. What a layer saves by reading fewer channels depends on
 * the others: the layers that make those channels lose filters, when no one else reads them. So costs are those of
 * the cleaned-up network, and steps are taken one by one, always the one with the least error per MAC saved.
 */
import type { Choices, Priced } from '@decouple/decomposition';
import { OptionError } from '@decouple/tensor';
import type { ChannelClasses } from './classes.ts';
import { isPruned, type Pruned as PrunedPlan } from './plans.ts';

type Pruned = PrunedPlan & Priced;

/** The ways to prune one layer that lie on the lower convex hull of error over channels, by falling channels. */
function hullOf({ plans, layer }: Choices): (Pruned | undefined)[] {
  const points = plans.filter(isPruned).sort((a, b) => b.channels.length - a.channels.length);
  const hull: { count: number; error: number; plan: Pruned | undefined }[] = [
    { count: layer.group.inputs, error: 0, plan: undefined },
  ];
  for (const plan of points) {
    const next = { count: plan.channels.length, error: plan.error, plan };
    const slope = (from: { count: number; error: number }): number =>
      (next.error - from.error) / (from.count - next.count);
    while (hull.length > 1) {
      const [before, last] = hull.slice(-2) as [(typeof hull)[0], (typeof hull)[0]];
      if ((last.error - before.error) / (before.count - last.count) <= slope(last)) break;
      hull.pop();
    }
    hull.push(next);
  }
  return hull.map(({ plan }) => plan);
}

const errorOf = (plan: Pruned | undefined): number => plan?.error ?? 0;

/** Layers that read channels of the same classes as each layer: what one drops may let the others' makers save. */
function sharing(choices: readonly Choices[], classes: ChannelClasses): number[][] {
  const read = choices.map(({ layer }) => new Set(classes.of(layer.conv.inputs[0] as string)));
  return read.map((own) =>
    read.flatMap((other, index) => ([...other].some((one) => own.has(one)) ? [index] : [])),
  );
}

/** How many steps down its hull each layer goes, and what the network then costs. */
interface Descent {
  readonly steps: number[];
  macs: number;
}

/** One plan per layer (`undefined`: all channels). @throws OptionError when the budget can't be met. */
export function chooseWithinNetwork(
  choices: readonly Choices[],
  classes: ChannelClasses,
  budget: number,
): (Pruned | undefined)[] {
  const hulls = choices.map(hullOf);
  const planAt = (layer: number, step: number): Pruned | undefined => hulls[layer]?.[step];
  const macsAt = (steps: readonly number[]): number => {
    const reads = new Map<string, Int32Array>();
    choices.forEach(({ layer: { conv } }, layer) => {
      const plan = planAt(layer, steps[layer] as number);
      if (plan) reads.set(conv.name, plan.channels);
    });
    return classes.macs(reads);
  };
  const at: Descent = { steps: hulls.map(() => 0), macs: 0 };
  at.macs = macsAt(at.steps);
  const moved = (layer: number, by: number): number[] =>
    at.steps.map((step, index) => (index === layer ? step + by : step));
  /** Increase of the error with the step after `step`. */
  const lossAfter = (layer: number, step: number): number =>
    errorOf(planAt(layer, step + 1)) - errorOf(planAt(layer, step));
  const price = (layer: number): number => {
    const step = at.steps[layer] as number;
    if (step + 1 >= (hulls[layer]?.length ?? 0)) return Infinity;
    return lossAfter(layer, step) / (at.macs - macsAt(moved(layer, 1)));
  };
  const cheapest = (prices: readonly number[]): number =>
    prices.reduce((best, one, layer) => (one < (prices[best] as number) ? layer : best), 0);
  // Steps mostly get dearer as the network shrinks, so a known price is a lower bound and only the cheapest one has
  // to be asked again; those that may have got cheaper are marked by -1.
  const related = sharing(choices, classes);
  const prices = hulls.map(() => -1);
  while (at.macs > budget) {
    const layer = cheapest(prices);
    if (layer in prices) prices[layer] = price(layer);
    // Also when no layer has channels to give.
    if (prices.every((one) => one === Infinity))
      throw new OptionError(
        `channel-prune: a budget of ${Math.round(budget)} MACs can't be met; the fewest channels of every layer give ${at.macs} MACs`,
      );
    if (cheapest(prices) !== layer) continue;
    at.steps[layer] = (at.steps[layer] as number) + 1;
    at.macs = macsAt(at.steps);
    for (const other of related[layer] ?? []) prices[other] = -1;
  }
  // The last step may have saved more than needed: what fits again is given back.
  const gains = at.steps.map((step, layer) => (step ? lossAfter(layer, step - 1) : 0));
  const byGain = [...gains.keys()].sort(
    (a, b) => (gains[b] as number) - (gains[a] as number) || a - b,
  );
  for (const layer of byGain)
    if ((gains[layer] as number) > 0 && macsAt(moved(layer, -1)) <= budget)
      at.steps[layer] = (at.steps[layer] as number) - 1;
  return at.steps.map((step, layer) => planAt(layer, step));
}
