/** Which classes of channels are needed: marking, from what forces them, through sums and choices, to a fixed point. */

/** Which of its input channels a layer reads, by the layer's name; all when absent. */
export type Reads = ReadonlyMap<string, ArrayLike<number>>;

/** A node's sum over channels of its input; classes are -1 where only constants are summed over. */
export interface Sum {
  readonly node: string;
  readonly inputs: Int32Array;
  readonly outputs: Int32Array;
  /** Which output reads which input `[outputs, inputs]`; absent: each reads all. */
  readonly pairs: Uint8Array | undefined;
}

/** A node whose output channel j is channel `picks[j]` of its input. */
export interface Choice {
  readonly inputs: Int32Array;
  readonly outputs: Int32Array;
  readonly picks: readonly number[];
}

const isNeeded = (needed: Uint8Array, channelClass: number): boolean =>
  channelClass < 0 || needed[channelClass] === 1;

function readBySum({ inputs, outputs, pairs, node }: Sum, needed: Uint8Array, reads?: Reads) {
  const rows: number[] = [];
  for (let row = 0; row < outputs.length; row++)
    if (isNeeded(needed, outputs[row] as number)) {
      rows.push(row);
      if (!pairs) break;
    }
  if (!rows.length) return false;
  const own = reads?.get(node);
  let found = false;
  for (let at = 0; at < (own ?? inputs).length; at++) {
    const channel = own ? (own[at] as number) : at;
    const channelClass = inputs[channel] as number;
    if (isNeeded(needed, channelClass)) continue;
    if (pairs && !rows.some((row) => pairs[row * inputs.length + channel])) continue;
    needed[channelClass] = 1;
    found = true;
  }
  return found;
}

function readByChoice({ inputs, outputs, picks }: Choice, needed: Uint8Array): boolean {
  let found = false;
  picks.forEach((pick, place) => {
    const channelClass = inputs[pick] as number;
    if (needed[channelClass] || !isNeeded(needed, outputs[place] as number)) return;
    needed[channelClass] = 1;
    found = true;
  });
  return found;
}

/** Marks all that is needed for what `needed` holds already. Sums and choices in reverse order settle fastest. */
export function spreadNeed(
  needed: Uint8Array,
  sums: readonly Sum[],
  choices: readonly Choice[],
  reads?: Reads,
): void {
  let changed = true;
  while (changed) {
    changed = false;
    for (const sum of sums) if (readBySum(sum, needed, reads)) changed = true;
    for (const choice of choices) if (readByChoice(choice, needed)) changed = true;
  }
}
