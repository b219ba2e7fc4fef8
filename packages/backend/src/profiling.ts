/** Times of repeated runs, summarised by the median: robust against the odd slow run of a shared machine. */
import type { NodeTime } from './contract.ts';

/** The middle value (the mean of the two middle ones of an even count); NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The tenth percentile: what a quiet machine would give; NaN of none. */
export const fastest = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 10)] ?? Number.NaN;

/** Collects milliseconds of each step over many runs. */
export class StepTimes {
  private readonly samples: number[][];

  constructor(steps: number) {
    this.samples = Array.from({ length: steps }, () => []);
  }

  add(step: number, ms: number): void {
    this.samples[step]?.push(ms);
  }

  /** Medians and tenth percentiles, with a name for each step. */
  summary(steps: readonly Pick<NodeTime, 'nodes' | 'kernel'>[]): NodeTime[] {
    return steps.map((step, index) => {
      const times = this.samples[index] ?? [];
      return { ...step, medianMs: median(times), fastMs: fastest(times) };
    });
  }
}
