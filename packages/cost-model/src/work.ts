/**
 * Times as sums: a piece of work consists of amounts of units (multiply-adds of some kernel, bytes from far memory,
 * calls), and a machine takes so many nanoseconds for each. Counting is exact and belongs to whoever makes the code;
 * the rates are measured.
 */

/** Amounts by unit. */
export type Work = Readonly<Record<string, number>>;

/** Nanoseconds by unit. */
export type Rates = Readonly<Record<string, number>>;

/** Units without a rate count as nothing. */
export const nanoseconds = (work: Work, rates: Rates): number =>
  Object.entries(work).reduce((sum, [unit, amount]) => sum + amount * (rates[unit] ?? 0), 0);

export function addWork(...parts: readonly Work[]): Work {
  const sum: Record<string, number> = {};
  for (const part of parts)
    for (const [unit, amount] of Object.entries(part)) sum[unit] = (sum[unit] ?? 0) + amount;
  return sum;
}

/** Each unit of `work` `times` over. */
export const scaleWork = (work: Work, times: number): Work =>
  Object.fromEntries(Object.entries(work).map(([unit, amount]) => [unit, amount * times]));
