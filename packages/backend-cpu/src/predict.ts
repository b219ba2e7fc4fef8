/** Predicted times of a network on this backend. */
import { nanoseconds, type Rates } from '@decouple/cost-model';
import type { CostModel, Graph } from '@decouple/ir';
import { commonRates } from './common-rates.ts';
import type { ChoiceOptions } from './choice.ts';
import { kernelOf, runWork, workOf } from './work.ts';

export interface PredictedTime {
  /** Name of the node; of what comes with every run `run`. */
  readonly node: string;
  /** The kernel that is chosen, or the op. */
  readonly kernel: string;
  readonly ms: number;
}

/**
 * Milliseconds of each node of a graph that was brought into the form that is compiled (`legalize`), and of what comes
 * with every run; one thread.
 */
export function predictTimes(graph: Graph, options: ChoiceOptions = {}): PredictedTime[] {
  const rates = options.rates ?? commonRates;
  return [
    ...graph.nodes.map((node) => ({
      node: node.name,
      kernel: kernelOf(graph, node, options) ?? node.op,
      ms: nanoseconds(workOf(graph, node, options), rates) / 1e6,
    })),
    { node: 'run', kernel: 'copies', ms: nanoseconds(runWork(graph), rates) / 1e6 },
  ];
}

/** Milliseconds of single nodes, as what passes and searches lower. Nodes that compiling fuses away cost nothing. */
export const cpuCostModel = (rates: Rates = commonRates): CostModel => ({
  name: `cpu ${JSON.stringify(rates)}`,
  unit: 'ms',
  cost: (graph, node) => nanoseconds(workOf(graph, node, { rates }), rates) / 1e6,
});
