/**
 * Terms for every layer under one budget of MACs: minimise Σ_l error_l(j_l) subject to Σ_l macs_l(j_l) ≤ budget.
 *
 * The Lagrangian error + λ·macs is minimised layer by layer on the lower convex hull of each layer's candidates.
 * Walking λ down is the same as taking the hulls' segments in order of error saved per MAC, which gives every λ at
 * once. What is left of the budget is filled greedily with candidates off the hull.
 */

/** One way to build a layer. */
export interface Choice {
  readonly macs: number;
  readonly error: number;
}

/** Candidates on the lower convex hull, by rising MACs and falling error. */
export function lowerHull<C extends Choice>(choices: readonly C[]): C[] {
  const sorted = [...choices].sort((a, b) => a.macs - b.macs || a.error - b.error);
  const hull: C[] = [];
  for (const choice of sorted) {
    if (hull.length && choice.error >= (hull[hull.length - 1] as C).error) continue;
    while (hull.length >= 2) {
      const [a, b] = hull.slice(-2) as [C, C];
      const steeper =
        (choice.error - a.error) * (b.macs - a.macs) <=
        (b.error - a.error) * (choice.macs - a.macs);
      if (!steeper) break;
      hull.pop();
    }
    hull.push(choice);
  }
  return hull;
}

/**
 * One choice per layer within the budget.
 * @returns `undefined` when even the cheapest choices exceed the budget.
 */
export function allocate<C extends Choice>(
  layers: readonly (readonly C[])[],
  budget: number,
): C[] | undefined {
  const hulls = layers.map(lowerHull);
  const chosen = hulls.map((hull) => hull[0] as C);
  let left = budget - chosen.reduce((sum, choice) => sum + choice.macs, 0);
  if (left < 0) return undefined;
  const steps = hulls.flatMap((hull, layer) =>
    hull.slice(1).map((choice, index) => {
      const before = hull[index] as C;
      return {
        layer,
        choice,
        macs: choice.macs - before.macs,
        gain: (before.error - choice.error) / (choice.macs - before.macs),
      };
    }),
  );
  steps.sort((a, b) => b.gain - a.gain || a.layer - b.layer);
  const closed = new Set<number>();
  for (const { layer, choice, macs } of steps) {
    if (closed.has(layer)) continue;
    if (macs > left) closed.add(layer);
    else {
      chosen[layer] = choice;
      left -= macs;
    }
  }
  for (;;) {
    let best: { layer: number; choice: C; gain: number } | undefined;
    layers.forEach((choices, layer) => {
      const current = chosen[layer] as C;
      for (const choice of choices) {
        const gain = current.error - choice.error;
        if (choice.macs - current.macs <= left && gain > (best?.gain ?? 0))
          best = { layer, choice, gain };
      }
    });
    if (!best) return chosen;
    left -= best.choice.macs - (chosen[best.layer] as C).macs;
    chosen[best.layer] = best.choice;
  }
}
