/** What the driver records of a run: one report per pass. */
import type { Cost, Graph } from '@decouple/ir';
import type { LayerRow, Pass } from './define-pass.ts';

/** Nodes left alone for one reason. */
export interface SkipCount {
  readonly reason: string;
  readonly count: number;
  readonly nodes: readonly string[];
}

export interface PassReport {
  readonly name: string;
  /** Names of the groups around it and rounds of repeats (`repeat 2`), outermost first. */
  readonly groups: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly ms: number;
  /** Patches applied; what a pass with `run` changes without `context.rewrite` counts as one. */
  readonly rewrites: number;
  /** Every declared counter, 0 when never counted. */
  readonly statistics: Readonly<Record<string, number>>;
  readonly skipped: readonly SkipCount[];
  readonly details: readonly LayerRow[];
  /** Costs of the whole network per sample. */
  readonly before: Cost;
  readonly after: Cost;
}

export interface PipelineResult {
  readonly graph: Graph;
  readonly passes: readonly PassReport[];
}

/** Collects what one pass reports. */
export interface Journal {
  count(name: string, value: number): void;
  note(node: string, reason: string): void;
  detail(row: LayerRow): void;
  /** Forgets the notes: the next look at the nodes makes them again. */
  clearNotes(): void;
  close(): Pick<PassReport, 'statistics' | 'skipped' | 'details'>;
}

export function createJournal(pass: Pass): Journal {
  const statistics = new Map(Object.keys(pass.statistics ?? {}).map((name) => [name, 0]));
  const notes = new Map<string, Set<string>>();
  const details: LayerRow[] = [];
  return {
    count: (name, value) => void statistics.set(name, (statistics.get(name) ?? 0) + value),
    note(node, reason) {
      const nodes = notes.get(reason) ?? new Set();
      notes.set(reason, nodes.add(node));
    },
    detail: (row) => void details.push(row),
    clearNotes: () => notes.clear(),
    close: () => ({
      statistics: Object.fromEntries(statistics),
      skipped: [...notes]
        .map(([reason, nodes]) => ({ reason, count: nodes.size, nodes: [...nodes] }))
        .sort((a, b) => b.count - a.count),
      details,
    }),
  };
}
