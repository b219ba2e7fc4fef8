/** Numbers as reports show them. */
import { significant } from 'decouple';

export const formatMs = (ms: number): string => `${significant(ms)} ms`;

export const formatPercent = (percent: number): string => `${percent.toFixed(2)} %`;

/** Relative squared errors; what is below float32's rounding tells nothing. */
export const formatError = (value: number | undefined): string =>
  value === undefined ? '' : value < 1e-9 ? '0' : significant(value);

/** `1.50x faster`, `1.20x slower`. */
export function formatSpeedup(beforeMs: number, afterMs: number): string {
  if (!(beforeMs > 0 && afterMs > 0)) return '–';
  return afterMs <= beforeMs
    ? `${(beforeMs / afterMs).toFixed(2)}x faster`
    : `${(afterMs / beforeMs).toFixed(2)}x slower`;
}

/** Where a speed was measured: `cpu`, `cpu, 2 threads`. */
export const formatSetup = ({ backend, threads }: { backend: string; threads: number }): string =>
  threads > 1 ? `${backend}, ${threads} threads` : backend;
