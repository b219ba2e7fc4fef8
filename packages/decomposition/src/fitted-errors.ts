/**
 * Errors of plans as they will be once fitted. Plans are measured before their parts are fitted by turns, which helps
 * some methods more than others and most where ranks are high; so a few plans of each method are fitted, and the
 * errors of the others follow by interpolation over their MACs.
 */
import { denseMacs, type Layer } from './layer.ts';
import type { Fitting, Plan } from './plan.ts';

/** Shares of the dense convolution's MACs at which plans are fitted. */
const shares = [0.2, 0.4];
/** Elements of a patch above which fits take too long to be made for comparison. */
const wideLayer = 576;

/** What fitting brings at some share of the dense MACs. */
export interface Gain {
  readonly share: number;
  /** Error once fitted over that before. */
  readonly factor: number;
}

/** Whether plans of a layer are fitted for comparison; wider layers take the gains of narrower ones. */
export const measuresGains = ({ group }: Layer): boolean => group.inputs * group.taps <= wideLayer;

/** Fits a few of the plans of one method. */
export async function gainsOf(plans: readonly Plan[], fitting: Fitting): Promise<Gain[]> {
  const dense = denseMacs(fitting.layer);
  const gains: Gain[] = [];
  for (const limit of shares) {
    const affordable = plans.filter(({ macs, error }) => macs <= limit * dense && error > 0);
    if (!affordable.length) continue;
    const best = affordable.reduce((a, b) => (b.error < a.error ? b : a));
    const share = best.macs / dense;
    if (gains.at(-1)?.share === share) continue;
    const { error } = await best.build(fitting);
    gains.push({ share, factor: error / best.error });
  }
  return gains;
}

/** Between what was measured the logarithm of the factor is linear; outside it stays. */
function factorAt(gains: readonly Gain[], share: number): number {
  const next = gains.findIndex((gain) => gain.share >= share);
  const [before, after] = [gains[(next < 0 ? gains.length : next) - 1], gains[next]];
  if (!before || !after) return (before ?? after)?.factor ?? 1;
  const place = (share - before.share) / (after.share - before.share);
  return before.factor ** (1 - place) * after.factor ** place;
}

/** Plans with their errors once fitted. */
export function withGains(layer: Layer, plans: readonly Plan[], gains: readonly Gain[]): Plan[] {
  const dense = denseMacs(layer);
  return plans.map((plan) => ({ ...plan, error: plan.error * factorAt(gains, plan.macs / dense) }));
}
