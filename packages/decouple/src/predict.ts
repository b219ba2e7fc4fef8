/** Milliseconds of a network on the `cpu` backend, told without running it. */
import { bindForCompile, type CompileOptions } from '@decouple/backend';
import { cpu, predictTimes, type PredictedTime } from '@decouple/backend-cpu';
import type { Rates } from '@decouple/cost-model';
import type { Graph } from '@decouple/ir';
import { runPipeline } from '@decouple/pass-manager';
import { parsePipeline } from './passes.ts';

export interface PredictOptions extends Pick<CompileOptions, 'bind'> {
  /** Rates of the machine, as `machineRates` of `decouple/node` gives them. Default: those of a common machine. */
  readonly rates?: Rates | undefined;
}

export interface Prediction {
  /** Of one run on one thread. */
  readonly ms: number;
  /** Of each node of the network as it is compiled, and of the rest of a run. */
  readonly nodes: readonly PredictedTime[];
}

/** @throws ModelError when sizes don't fit the network. */
export async function predict(
  graph: Graph,
  { bind, rates }: PredictOptions = {},
): Promise<Prediction> {
  const legal = await runPipeline(graph, parsePipeline(cpu().legalize), { verifyEach: false });
  const nodes = predictTimes(bindForCompile(legal.graph, bind), { rates });
  return { ms: nodes.reduce((sum, node) => sum + node.ms, 0), nodes };
}
