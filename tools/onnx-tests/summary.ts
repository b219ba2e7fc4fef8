/** The sum of many results, as data and as text. */
import { formatTable } from 'decouple';
import type { Outcome, TestResult } from './run.ts';

export type Counts = Record<Outcome, number>;

export interface Summary extends Counts {
  /** A test counts for each operator that its model holds. */
  readonly perOp: Readonly<Record<string, Counts>>;
  readonly failures: readonly { readonly test: string; readonly reason: string }[];
  /** Why tests could not be run, by reason. */
  readonly unsupportedReasons: Readonly<Record<string, readonly string[]>>;
}

const noCounts = (): Counts => ({ passed: 0, failed: 0, unsupported: 0 });

export function summarize(results: readonly TestResult[]): Summary {
  const counts = noCounts();
  const perOp = new Map<string, Counts>();
  const reasons = new Map<string, string[]>();
  for (const { test, outcome, reason = '', ops } of results) {
    counts[outcome]++;
    for (const op of ops) {
      const own = perOp.get(op) ?? noCounts();
      own[outcome]++;
      perOp.set(op, own);
    }
    if (outcome === 'unsupported') reasons.set(reason, [...(reasons.get(reason) ?? []), test]);
  }
  const byName = [...perOp].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...counts,
    perOp: Object.fromEntries(byName),
    failures: results.flatMap(({ test, outcome, reason = '' }) =>
      outcome === 'failed' ? [{ test, reason }] : [],
    ),
    unsupportedReasons: Object.fromEntries(reasons),
  };
}

export function formatSummary(summary: Summary): string {
  const { perOp, failures, unsupportedReasons, passed, failed, unsupported } = summary;
  const table = formatTable(
    [
      { header: 'operator' },
      { header: 'passed', align: 'right' },
      { header: 'failed', align: 'right' },
      { header: 'unsupported', align: 'right' },
    ],
    Object.entries(perOp).map(([op, counts]) => [
      op,
      `${counts.passed}`,
      `${counts.failed}`,
      `${counts.unsupported}`,
    ]),
  );
  const reasons = Object.entries(unsupportedReasons).map(
    ([reason, tests]) =>
      `unsupported: ${reason} (${tests.length}: ${tests.slice(0, 3).join(', ')})`,
  );
  const lines = [
    ...reasons,
    ...failures.map(({ test, reason }) => `failed: ${test}: ${reason}`),
    `passed ${passed}, failed ${failed}, unsupported ${unsupported}`,
  ];
  return `${table}\n${lines.join('\n')}\n`;
}
