/**
 * Backward elimination of whole channels in the data metric: drop again and again the channel whose loss, after a
 * refit of all others, is least (optimal brain surgeon for groups of r features):
 *
 *   loss_g = tr P_gᵀ [(G⁻¹)_gg]⁻¹ P_g,   G⁻¹ ← G⁻¹ - H (G⁻¹)_gg⁻¹ Hᵀ,   P ← P - H (G⁻¹)_gg⁻¹ P_g,   H = G⁻¹[:, g]
 *
 * Channels go in blocks: a pool of the cheapest is eliminated one by one with exact updates inside the pool, for as
 * long as none outside was cheaper at the start; then the whole matrix is updated once by a matrix product.
 * Source: Hassibi and Stork, Second order derivatives for network pruning, NIPS 1992, for single weights.
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
import { pick, pickRows } from './matrix.ts';
import type { ChannelMetric } from './metric.ts';

export interface Elimination {
  /** Channels in the order in which they are dropped. */
  readonly order: Int32Array;
  /** Increase of the error at each drop. */
  readonly losses: Float64Array;
}

/** G⁻¹ `[m·r, m·r]` and P `[m·r, O]` of the m channels that are left. */
interface State {
  readonly left: readonly number[];
  readonly inverse: Float64Array;
  readonly weights: Float64Array;
}

interface Size {
  readonly features: number;
  readonly outputs: number;
}

/** Channels in a pool; at most a third of it goes at once. */
const poolSize = 24;

/** Rows of the features of some places. */
const rowsOf = (places: readonly number[], features: number): number[] =>
  places.flatMap((place) => Array.from({ length: features }, (_, at) => place * features + at));

/** The state without the channels at `places`: one update by a product. */
function without(
  { left, inverse, weights }: State,
  places: readonly number[],
  { features, outputs }: Size,
): State {
  const width = left.length * features;
  const dropped = new Set(places);
  const kept = left.map((_, place) => place).filter((place) => !dropped.has(place));
  const [gone, rest] = [rowsOf(places, features), rowsOf(kept, features)];
  const [b, m] = [gone.length, rest.length];
  const { factor } = choleskyWithRidge(pick(inverse, width, gone, gone), b);
  const panel = pick(inverse, width, gone, rest);
  const solved = solveCholesky(factor, b, panel.slice(), m);
  const next = pick(inverse, width, rest, rest);
  multiplyAdd(view(next, m), transposed(view(panel, m)), view(solved, m), {
    m,
    n: m,
    k: b,
    alpha: -1,
    lower: true,
  });
  symmetrize(next, m);
  const own = pickRows(weights, outputs, rest);
  multiplyAdd(
    view(own, outputs),
    transposed(view(solved, m)),
    view(pickRows(weights, outputs, gone), outputs),
    { m, n: outputs, k: b, alpha: -1 },
  );
  return { left: kept.map((place) => left[place] as number), inverse: next, weights: own };
}

/** Losses of dropping each channel alone: ‖L⁻¹ P_g‖² with (G⁻¹)_gg = L Lᵀ. */
function lossesOf({ left, inverse, weights }: State, { features, outputs }: Size): number[] {
  const width = left.length * features;
  return left.map((_, place) => {
    const rows = rowsOf([place], features);
    const { factor } = choleskyWithRidge(pick(inverse, width, rows, rows), features);
    const own = pickRows(weights, outputs, rows);
    const solved = solveCholesky(factor, features, own.slice(), outputs);
    return own.reduce((sum, value, at) => sum + value * (solved[at] as number), 0);
  });
}

const places = (length: number): number[] => Array.from({ length }, (_, place) => place);

/** Drops the cheapest channels, best first, as long as they are sure to be the cheapest of all. */
function nextBlock(state: State, size: Size): { places: number[]; losses: number[] } {
  const losses = lossesOf(state, size);
  const ranked = places(losses.length).sort(
    (a, b) => (losses[a] as number) - (losses[b] as number) || a - b,
  );
  const pool = ranked.slice(0, poolSize);
  const limit = losses[ranked[poolSize] as number] ?? Infinity;
  const rows = rowsOf(pool, size.features);
  const width = state.left.length * size.features;
  let inside: State = {
    left: pool,
    inverse: pick(state.inverse, width, rows, rows),
    weights: pickRows(state.weights, size.outputs, rows),
  };
  const result = { places: [] as number[], losses: [] as number[] };
  const most = Math.max(1, Math.ceil(pool.length / 3));
  while (result.places.length < most) {
    const own = lossesOf(inside, size);
    const least = own.reduce((best, loss, at) => (loss < (own[best] as number) ? at : best), 0);
    if (result.places.length && (own[least] as number) > limit) break;
    result.places.push(inside.left[least] as number);
    result.losses.push(own[least] as number);
    inside = without(inside, [least], size);
  }
  return result;
}

/** The whole order of elimination. */
export function eliminateChannels(metric: ChannelMetric): Elimination {
  const { channels, features, outputs, gram, cross } = metric;
  const width = channels * features;
  const { factor } = choleskyWithRidge(gram, width);
  let state: State = {
    left: places(channels),
    inverse: inverseFromCholesky(factor, width),
    weights: solveCholesky(factor, width, cross.slice(), outputs),
  };
  const order = new Int32Array(channels);
  const losses = new Float64Array(channels);
  for (let done = 0; done < channels;) {
    const block = nextBlock(state, { features, outputs });
    order.set(
      block.places.map((place) => state.left[place] as number),
      done,
    );
    losses.set(block.losses, done);
    done += block.places.length;
    if (done < channels) state = without(state, block.places, { features, outputs });
  }
  return { order, losses };
}
