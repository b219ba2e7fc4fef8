/**
 * Backward elimination of features in the data metric (optimal brain surgeon for depthwise terms): from all terms
 * of all channels, drop again and again the feature whose loss, after a refit of all others, is least:
 *
 *   loss_g = ‖P_g‖² / (G⁻¹)_gg,     G⁻¹ ← G⁻¹ - h hᵀ/h_g,   P ← P - h P_g/h_g,   h = G⁻¹[:, g]
 *
 * A channel that loses all its terms is pruned: one mechanism gives adaptive terms and channel pruning.
 * Features go in blocks: a pool of the cheapest is eliminated one by one inside the pool, with exact updates there,
 * and the whole matrix is updated once per block by a matrix product.
 */
import {
  choleskyWithRidge,
  inverseFromCholesky,
  multiplyAdd,
  solveCholesky,
  symmetrize,
  transposed,
  view,
} from '@decouple/linalg';

export interface Elimination {
  /** Features in the order in which they are dropped. */
  readonly order: Int32Array;
  /** Error with all features. */
  readonly start: number;
  /** Increase of the error at each drop. */
  readonly losses: Float64Array;
}

interface State {
  /** Features that are left: original numbers. */
  active: number[];
  /** G⁻¹ of those, `[n, n]`, and P `[n, O]`. */
  inverse: Float64Array;
  weights: Float64Array;
}

const pool = 96;
const block = 32;

/** Eliminates up to `count` features inside a pool; returns places in the pool, in order, with their losses. */
function eliminateInPool(
  inverse: Float64Array,
  weights: Float64Array,
  size: number,
  outputs: number,
  count: number,
): { places: number[]; losses: number[] } {
  const gone = new Uint8Array(size);
  const places: number[] = [];
  const losses: number[] = [];
  while (places.length < count) {
    let best = -1;
    let least = Infinity;
    for (let place = 0; place < size; place++) {
      if (gone[place]) continue;
      let norm = 0;
      for (let output = 0; output < outputs; output++)
        norm += (weights[place * outputs + output] as number) ** 2;
      const loss = norm / Math.max(inverse[place * size + place] as number, 1e-300);
      if (loss < least) [best, least] = [place, loss];
    }
    gone[best] = 1;
    places.push(best);
    losses.push(least);
    const pivot = Math.max(inverse[best * size + best] as number, 1e-300);
    for (let place = 0; place < size; place++) {
      if (gone[place]) continue;
      const factor = (inverse[place * size + best] as number) / pivot;
      // Columns of features that are gone change, too; nothing reads them.
      for (let other = 0; other < size; other++)
        inverse[place * size + other] =
          (inverse[place * size + other] as number) -
          factor * (inverse[best * size + other] as number);
      for (let output = 0; output < outputs; output++)
        weights[place * outputs + output] =
          (weights[place * outputs + output] as number) -
          factor * (weights[best * outputs + output] as number);
    }
  }
  return { places, losses };
}

function cheapest(state: State, outputs: number, count: number): number[] {
  const { active, inverse, weights } = state;
  const n = active.length;
  const scores = active.map((_, place) => {
    let norm = 0;
    for (let output = 0; output < outputs; output++)
      norm += (weights[place * outputs + output] as number) ** 2;
    return norm / Math.max(inverse[place * n + place] as number, 1e-300);
  });
  return active
    .map((_, place) => place)
    .sort((a, b) => (scores[a] as number) - (scores[b] as number) || a - b)
    .slice(0, count);
}

/** Removes the features at `dropped` places from the state: one rank-b update, then compaction. */
function update(state: State, dropped: readonly number[], outputs: number): State {
  const { active, inverse, weights } = state;
  const [n, b] = [active.length, dropped.length];
  const gone = new Set(dropped);
  const kept = active.map((_, place) => place).filter((place) => !gone.has(place));
  const m = kept.length;
  const corner = new Float64Array(b * b);
  dropped.forEach((row, i) =>
    dropped.forEach((column, j) => (corner[i * b + j] = inverse[row * n + column] as number)),
  );
  const { factor } = choleskyWithRidge(corner, b);
  const panel = new Float64Array(b * m);
  dropped.forEach((row, i) =>
    kept.forEach((column, j) => (panel[i * m + j] = inverse[row * n + column] as number)),
  );
  const solved = solveCholesky(factor, b, panel.slice(), m);
  const next = new Float64Array(m * m);
  kept.forEach((row, i) => {
    for (let j = 0; j <= i; j++) next[i * m + j] = inverse[row * n + (kept[j] as number)] as number;
  });
  multiplyAdd(view(next, m), transposed(view(panel, m)), view(solved, m), {
    m,
    n: m,
    k: b,
    alpha: -1,
    lower: true,
  });
  symmetrize(next, m);
  const rest = new Float64Array(m * outputs);
  kept.forEach((row, i) =>
    rest.set(weights.subarray(row * outputs, (row + 1) * outputs), i * outputs),
  );
  const lost = new Float64Array(b * outputs);
  dropped.forEach((row, i) =>
    lost.set(weights.subarray(row * outputs, (row + 1) * outputs), i * outputs),
  );
  multiplyAdd(view(rest, outputs), transposed(view(solved, m)), view(lost, outputs), {
    m,
    n: outputs,
    k: b,
    alpha: -1,
  });
  return { active: kept.map((place) => active[place] as number), inverse: next, weights: rest };
}

/**
 * The whole order of elimination.
 * @param gram G `[R, R]`, positive definite. @param cross B·R_λ `[R, O]`. @param power error without any feature.
 */
export function eliminate(
  gram: Float64Array,
  cross: Float64Array,
  outputs: number,
  power: number,
): Elimination {
  const terms = cross.length / outputs;
  const { factor } = choleskyWithRidge(gram, terms);
  const inverse = inverseFromCholesky(factor, terms);
  const weights = solveCholesky(factor, terms, cross.slice(), outputs);
  let start = power;
  for (let index = 0; index < cross.length; index++)
    start -= (cross[index] as number) * (weights[index] as number);
  const order = new Int32Array(terms);
  const losses = new Float64Array(terms);
  let state: State = { active: Array.from({ length: terms }, (_, term) => term), inverse, weights };
  for (let done = 0; done < terms;) {
    const n = state.active.length;
    const candidates = cheapest(state, outputs, Math.min(pool, n));
    const size = candidates.length;
    const small = new Float64Array(size * size);
    const own = new Float64Array(size * outputs);
    candidates.forEach((row, i) => {
      candidates.forEach(
        (column, j) => (small[i * size + j] = state.inverse[row * n + column] as number),
      );
      own.set(state.weights.subarray(row * outputs, (row + 1) * outputs), i * outputs);
    });
    const { places, losses: poolLosses } = eliminateInPool(
      small,
      own,
      size,
      outputs,
      Math.min(block, Math.max(1, Math.ceil(size / 3))),
    );
    const dropped = places.map((place) => candidates[place] as number);
    dropped.forEach((place, i) => {
      order[done + i] = state.active[place] as number;
      losses[done + i] = poolLosses[i] as number;
    });
    done += dropped.length;
    state = update(state, dropped, outputs);
  }
  return { order, start: Math.max(0, start), losses };
}
