/**
 * Rates from measured pieces of work: least squares of the relative errors over rates that are not negative. Outliers,
 * as a shared machine gives them, are weighted down in a few rounds.
 */
import { nonNegativeLeastSquares } from '@decouple/linalg';
import { nanoseconds, type Rates, type Work } from './work.ts';

export interface Sample {
  readonly work: Work;
  readonly ns: number;
}

const rounds = 6;
/** Relative errors beyond this count less than quadratically. */
const outlier = 0.1;

/** Clocks tell no more of a time than this: shorter ones count less. */
const clockNs = 2000;

/** (Predicted - measured) / measured, for times well above the clock's resolution. */
export const relativeError = ({ work, ns }: Sample, rates: Rates): number =>
  (nanoseconds(work, rates) - ns) / (ns + clockNs);

/** Units that some sample has, in the order of their first one, with the largest amount of each. */
function unitsOf(samples: readonly Sample[]): Map<string, number> {
  const largest = new Map<string, number>();
  for (const { work } of samples)
    for (const [unit, amount] of Object.entries(work))
      if (amount > 0) largest.set(unit, Math.max(amount, largest.get(unit) ?? 0));
  return largest;
}

function solve(
  samples: readonly Sample[],
  weights: readonly number[],
  units: ReadonlyMap<string, number>,
): Rates {
  const names = [...units.keys()];
  const n = names.length;
  const gram = new Float64Array(n * n);
  const cross = new Float64Array(n);
  samples.forEach(({ work, ns }, index) => {
    const weight = weights[index] as number;
    // Columns have a largest entry of 1 before they are divided by the time.
    const scale = 1 / (ns + clockNs);
    const row = names.map((unit) => (scale * (work[unit] ?? 0)) / (units.get(unit) as number));
    for (let i = 0; i < n; i++) {
      const wi = weight * (row[i] as number);
      cross[i] = (cross[i] as number) + wi * scale * ns;
      for (let j = 0; j < n; j++)
        gram[i * n + j] = (gram[i * n + j] as number) + wi * (row[j] as number);
    }
  });
  const solution = nonNegativeLeastSquares(gram, cross);
  return Object.fromEntries(
    names.map((unit, index) => [unit, (solution[index] as number) / (units.get(unit) as number)]),
  );
}

/** The rates that explain the samples best. Samples without a time above 0 are left out. */
export function fitRates(given: readonly Sample[]): Rates {
  const samples = given.filter(({ ns }) => ns > 0);
  const units = unitsOf(samples);
  let rates: Rates = {};
  let weights = samples.map(() => 1);
  for (let round = 0; round < rounds; round++) {
    rates = solve(samples, weights, units);
    weights = samples.map(
      (sample) => 1 / Math.max(1, Math.abs(relativeError(sample, rates)) / outlier),
    );
  }
  return rates;
}
