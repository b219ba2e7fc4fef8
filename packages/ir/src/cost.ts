/**
 * What a network costs. MACs are multiply-accumulates of convolutions and matrix products (one MAC is two
 * FLOPs); bias, activations, pooling and element-wise ops count as `elementwise` results instead.
 * Symbolic dimensions (the batch) count as 1: figures are per sample.
 */
import type { Graph } from './graph.ts';
import { bytesOf } from './limits.ts';
import { recordOf, type Node } from './node.ts';
import { elementsOf } from './types.ts';

export interface Cost {
  readonly macs: number;
  /** Elements of constant inputs of convolutions, matrix products and normalisations. */
  readonly params: number;
  /** Bytes read and written once each: inputs, constants, outputs. */
  readonly bytes: number;
  /** Results of ops that are not counted in MACs. */
  readonly elementwise: number;
}

export const noCost: Cost = { macs: 0, params: 0, bytes: 0, elementwise: 0 };

/** Cost of one node; constants shared by several nodes count at each. */
export function costOf(graph: Graph, node: Node): Cost {
  const inputs = node.inputs.map((input) => (input === '' ? undefined : graph.types.get(input)));
  const outputs = node.outputs.map((output) => graph.types.get(output));
  const known = outputs.every((type) => type !== undefined);
  const macs = known ? (recordOf(node.op).macs?.(inputs, node.attrs, outputs) ?? 0) : 0;
  const floatConstants = node.inputs.filter((input) =>
    graph.constants.get(input)?.dtype.startsWith('float'),
  );
  const params = floatConstants.reduce(
    (sum, name) => sum + (graph.constants.get(name)?.data.length ?? 0),
    0,
  );
  const bytes = [...inputs, ...outputs].reduce((sum, type) => sum + bytesOf(type), 0);
  const results = outputs.reduce((sum, type) => sum + (type ? elementsOf(type) : 0), 0);
  return { macs, params, bytes, elementwise: macs > 0 ? 0 : results };
}

export const addCosts = (a: Cost, b: Cost): Cost => ({
  macs: a.macs + b.macs,
  params: a.params + b.params,
  bytes: a.bytes + b.bytes,
  elementwise: a.elementwise + b.elementwise,
});

/** Cost of the whole network; each constant counts once. */
export function totalCost(graph: Graph): Cost {
  const total = graph.nodes.map((node) => costOf(graph, node)).reduce(addCosts, noCost);
  const used = new Set(graph.nodes.flatMap((node) => node.inputs));
  let params = 0;
  for (const [name, value] of graph.constants)
    if (used.has(name) && value.dtype.startsWith('float')) params += value.data.length;
  return { ...total, params };
}

/** What passes and the search minimise. The MAC model is here; measured milliseconds come from elsewhere. */
export interface CostModel {
  readonly name: string;
  readonly unit: 'MACs' | 'ms' | 'bytes';
  /** Cost of one node in its graph, in `unit`. */
  cost(graph: Graph, node: Node): number;
}

export const macsCostModel: CostModel = {
  name: 'macs',
  unit: 'MACs',
  cost: (graph, node) => costOf(graph, node).macs,
};
