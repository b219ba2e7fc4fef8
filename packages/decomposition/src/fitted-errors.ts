/**
 * Errors of plans as they will be once fitted. Plans are measured before their parts are fitted by turns, which helps
 * some methods more than others and most where ranks are high; so a few plans of each method are fitted, and the
 * errors of the others follow by interpolation over their MACs.
 */
import { denseMacs } from './layer.ts';
import type { Fitting, Plan } from './plan.ts';

/** Elements of a patch above which fits take too long to be made for comparison. */
const wideLayer = 2304;

/** Shares of the dense convolution's MACs at which plans are fitted. */
const shares = [0.2, 0.4];

interface Gain {
  readonly macs: number;
  /** Error once fitted over that before. */
  readonly factor: number;
}

/** Between what was measured the logarithm of the factor is linear; outside it stays. */
function factorAt(gains: readonly Gain[], macs: number): number {
  const next = gains.findIndex((gain) => gain.macs >= macs);
  const [before, after] = [gains[(next < 0 ? gains.length : next) - 1], gains[next]];
  if (!before || !after) return (before ?? after)?.factor ?? 1;
  const place = (macs - before.macs) / (after.macs - before.macs);
  return before.factor ** (1 - place) * after.factor ** place;
}

/** @param plans of one method. */
export async function withFittedErrors(
  plans: readonly Plan[],
  fitting: Fitting,
): Promise<readonly Plan[]> {
  const { layer } = fitting;
  if (layer.group.inputs * layer.group.taps > wideLayer) return plans;
  const dense = denseMacs(layer);
  const gains: Gain[] = [];
  for (const share of shares) {
    const affordable = plans.filter(({ macs, error }) => macs <= share * dense && error > 0);
    if (!affordable.length) continue;
    const best = affordable.reduce((a, b) => (b.error < a.error ? b : a));
    if (gains.at(-1)?.macs === best.macs) continue;
    const { error } = await best.build(fitting);
    gains.push({ macs: best.macs, factor: error / best.error });
  }
  return plans.map((plan) => ({ ...plan, error: plan.error * factorAt(gains, plan.macs) }));
}
