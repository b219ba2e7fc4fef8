/**
 * One choice for every layer under one budget: minimise Σ_l error_l(j_l) subject to Σ_l cost_l(j_l) ≤ budget. Costs are
 * MACs, milliseconds or whatever else adds up.
 *
 * The Lagrangian Σ error + λ Σ cost separates into layers, and its solutions are the corners of each layer's lower
 * convex hull; but between two corners it jumps, and a budget is missed by as much as a whole step of a large layer.
 * So the multiple-choice knapsack itself is solved, by dynamic programming over layers and the budget in equal
 * buckets. Costs are rounded up to buckets, so the budget is never exceeded; what the rounding leaves over is spent
 * greedily.
 */

/** One way to build a layer. */
export interface Choice {
  readonly cost: number;
  readonly error: number;
}

const buckets = 8192;

/** Choices that no cheaper one equals or beats, by rising cost and falling error. */
export function paretoChoices<C extends Choice>(choices: readonly C[]): C[] {
  const sorted = [...choices].sort((a, b) => a.cost - b.cost || a.error - b.error);
  let best = Infinity;
  return sorted.filter(({ error }) => {
    const better = error < best;
    best = Math.min(best, error);
    return better;
  });
}

/**
 * One choice per layer within the budget.
 * @returns `undefined` when even the cheapest choices exceed the budget.
 */
export function allocate<C extends Choice>(
  layers: readonly (readonly C[])[],
  budget: number,
): C[] | undefined {
  const fronts = layers.map(paretoChoices);
  const cheapest = fronts.reduce((sum, [first]) => sum + (first as C).cost, 0);
  if (cheapest > budget) return undefined;
  // Whole numbers, such as MACs, are exact in buckets of 1 where those suffice.
  const whole = fronts.flat().every(({ cost }) => Number.isInteger(cost));
  const share = (budget - cheapest) / buckets;
  const unit = whole ? Math.max(1, share) : share || 1;
  return spendRest(fronts, solve(fronts, unit, Math.floor((budget - cheapest) / unit)), budget);
}

/** Exact for costs rounded up to multiples of `unit` above each layer's cheapest choice; `capacity` units fit. */
function solve<C extends Choice>(fronts: readonly C[][], unit: number, capacity: number): C[] {
  let best = new Float64Array(capacity + 1);
  const picks = fronts.map((front) => {
    const [first] = front as [C];
    const next = new Float64Array(capacity + 1).fill(Infinity);
    const pick = new Int32Array(capacity + 1);
    front.forEach(({ cost, error }, index) => {
      const size = Math.ceil((cost - first.cost) / unit);
      for (let used = size; used <= capacity; used++) {
        const total = (best[used - size] as number) + error;
        if (total >= (next[used] as number)) continue;
        next[used] = total;
        pick[used] = index;
      }
    });
    best = next;
    return pick;
  });
  let left = capacity;
  return fronts
    .map((front, layer) => [front, picks[layer] as Int32Array] as const)
    .reverse()
    .map(([front, pick]) => {
      const choice = front[pick[left] as number] as C;
      left -= Math.ceil((choice.cost - (front[0] as C).cost) / unit);
      return choice;
    })
    .reverse();
}

/** Takes the single step that saves most error, as long as one fits. */
function spendRest<C extends Choice>(
  fronts: readonly C[][],
  chosen: readonly C[],
  budget: number,
): C[] {
  const result = [...chosen];
  let left = budget - chosen.reduce((sum, { cost }) => sum + cost, 0);
  for (;;) {
    let best: { layer: number; choice: C; gain: number } | undefined;
    fronts.forEach((front, layer) => {
      const current = result[layer] as C;
      for (const choice of front) {
        const gain = current.error - choice.error;
        if (choice.cost - current.cost <= left && gain > (best?.gain ?? 0))
          best = { layer, choice, gain };
      }
    });
    if (!best) return result;
    left -= best.choice.cost - (result[best.layer] as C).cost;
    result[best.layer] = best.choice;
  }
}
