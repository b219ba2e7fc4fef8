/** Seeded random numbers: mulberry32. The same seed gives the same stream on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Standard normal (Box-Muller, one value per two draws). */
  normal(): number;
  /** A whole number in [0, end). */
  below(end: number): number;
  /** An independent stream named `label`: drawing from one never shifts another. */
  fork(label: string): Random;
}

function hash(seed: number, label: string): number {
  let state = (seed ^ 0x9e3779b9) | 0;
  for (let index = 0; index < label.length; index++)
    state = Math.imul(state ^ label.charCodeAt(index), 0x01000193);
  return state;
}

export function createRandom(seed: number): Random {
  let state = seed | 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    below: (end) => Math.floor(uniform() * end),
    fork: (label) => createRandom(hash(seed, label)),
  };
}

/** Standard normals times `scale`, as float32. */
export function normals(random: Random, size: number, scale = 1): Float32Array {
  const out = new Float32Array(size);
  for (let index = 0; index < size; index++) out[index] = random.normal() * scale;
  return out;
}

/** A seeded shuffle of 0..size-1 (Fisher-Yates). */
export function permutation(random: Random, size: number): number[] {
  const order = Array.from({ length: size }, (_, index) => index);
  for (let last = size - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other] as number, order[last] as number];
  }
  return order;
}
