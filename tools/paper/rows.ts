/** Rows made of trials: the largest ratio of MACs within a drop, or one fixed ratio. */
import { fillTemplate, searchPipelines } from '@decouple/search';
import type { Graph } from 'decouple';
import type { Row } from './studies.ts';
import type { Bench, Trial } from './trial.ts';

export interface Result {
  readonly original: Trial;
  /** In the order of their ratios. */
  readonly trials: readonly Trial[];
  /** The largest ratio tried within the drop; of a fixed row its only trial. */
  readonly best?: Trial;
}

/** Searches the largest ratio within the drop. */
async function search(row: Row, drop: number, bench: Bench, quick: boolean): Promise<Result> {
  const original = await bench.trial('');
  const dropOf = ({ test }: Trial): number => original.test - test;
  const fresh = new Map<Graph, Trial>();
  const found = await searchPipelines({
    graph: bench.network.graph,
    families: quick ? row.families.slice(0, 1) : row.families,
    limits: { drop },
    start: row.start,
    precision: row.precision ?? 1.2,
    apply: async (pipeline) => {
      const { graph, trial } = await bench.run(pipeline);
      fresh.set(graph, trial);
      return graph;
    },
    drop: (graph) => Promise.resolve(dropOf(fresh.get(graph) as Trial)),
    store: {
      get: async (pipeline) => {
        const trial = await bench.known(pipeline);
        return trial && { macs: trial.macs, params: trial.params, drop: dropOf(trial) };
      },
      put: () => Promise.resolve(),
    },
  });
  const trials = await Promise.all(found.trials.map(({ pipeline }) => bench.trial(pipeline)));
  const best = trials.find(({ pipeline }) => pipeline === found.best?.pipeline);
  return { original, trials, ...(best && { best }) };
}

/** Measures a row. */
export async function runRow(row: Row, bench: Bench, quick: boolean): Promise<Result> {
  const result =
    row.drop === undefined ? await fixed(row, bench) : await search(row, row.drop, bench, quick);
  return { ...result, trials: [...result.trials].sort((a, b) => a.ratio - b.ratio) };
}

async function fixed({ families, start }: Row, bench: Bench): Promise<Result> {
  const original = await bench.trial('');
  const best = await bench.trial(fillTemplate(families[0] as string, 1 / start));
  return { original, trials: [best], best };
}
