/** What plans cost by a cost model: told from their outlines, before any of them is built. */
import { applyPatch, extractGraph, totalCost, type CostModel, type Graph } from '@decouple/ir';
import { outlineChain } from './chain.ts';
import type { Layer } from './layer.ts';
import type { Plan } from './plan.ts';

/** A plan with its cost in the unit of a cost model. */
export type Priced = Plan & { readonly cost: number };

/** Costs of a whole network. */
export interface NetworkCosts {
  /** Per image. */
  readonly macs: number;
  readonly cost: number;
  readonly unit: CostModel['unit'];
}

const sumOf = (graph: Graph, cost: CostModel): number =>
  graph.nodes.reduce((sum, node) => sum + cost.cost(graph, node), 0);

export const networkCosts = (graph: Graph, cost: CostModel): NetworkCosts => ({
  macs: totalCost(graph).macs,
  cost: sumOf(graph, cost),
  unit: cost.unit,
});

/** Prices plans of one layer of a graph. */
export function pricing(
  graph: Graph,
  { conv, bias }: Layer,
  cost: CostModel,
): <P extends Plan>(plan: P) => P & Priced {
  if (cost.unit === 'MACs') return (plan) => ({ ...plan, cost: plan.macs });
  const alone = extractGraph(graph, conv.outputs, conv.inputs);
  const built = ({ outline }: Plan): Graph =>
    outline.length ? applyPatch(alone, outlineChain(conv, outline, bias !== undefined)) : alone;
  return (plan) => ({ ...plan, cost: sumOf(built(plan), cost) });
}
