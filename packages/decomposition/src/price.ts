/** What plans cost by a cost model: told from their outlines, before any of them is built. */
import {
  applyPatch,
  createGraph,
  extractGraph,
  totalCost,
  typeOf,
  type CostModel,
  type Dim,
  type Graph,
} from '@decouple/ir';
import { outlineChain, type StageOutline } from './chain.ts';
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

type Outline = readonly [StageOutline, ...StageOutline[]];

/** Input channels that a chain reads: fewer than there are where its producer need not make the others. */
const channelsRead = ({ shape, groups = 1 }: StageOutline): number => (shape[1] as number) * groups;

/** A chain in place of a layer that stands alone, and whose input has only the channels that the chain reads. */
function withNarrowInput(alone: Graph, { conv, bias }: Layer, outline: Outline): Graph {
  const [input, ...others] = conv.inputs as [string, ...string[]];
  const { dtype, shape } = typeOf(alone, input);
  // A name of its own: the residual may be the whole input.
  const name = `${conv.name}/input`;
  const type = { dtype, shape: [shape[0] as Dim, channelsRead(outline[0]), ...shape.slice(2)] };
  const chain = outlineChain({ ...conv, inputs: [name, ...others] }, outline, bias !== undefined);
  return createGraph({
    ...alone,
    inputs: [...alone.inputs.filter((each) => others.includes(each.name)), { name, type }],
    nodes: chain.add ?? [],
    constants: new Map([...alone.constants, ...(chain.constants ?? [])]),
  });
}

/** Prices plans of one layer of a graph. */
export function pricing(
  graph: Graph,
  layer: Layer,
  cost: CostModel,
): <P extends Plan>(plan: P) => P & Priced {
  if (cost.unit === 'MACs') return (plan) => ({ ...plan, cost: plan.macs });
  const { conv, size, bias } = layer;
  const alone = extractGraph(graph, conv.outputs, conv.inputs);
  const built = ({ outline }: Plan): Graph => {
    const [first, ...others] = outline;
    if (!first) return alone;
    return first.gathers || channelsRead(first) === size.inChannels
      ? applyPatch(alone, outlineChain(conv, outline, bias !== undefined))
      : withNarrowInput(alone, layer, [first, ...others]);
  };
  return (plan) => ({ ...plan, cost: sumOf(built(plan), cost) });
}
