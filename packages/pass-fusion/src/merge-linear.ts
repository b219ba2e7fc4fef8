/**
 * Replaces two adjacent convolutions, or linear layers, with nothing non-linear in between by their product when that
 * costs no more on the context's cost model (compose.ts has the algebra and its limits). The merged layer is named
 * like the outer one and keeps its activation and residual.
 */
import {
  producerOf,
  sameType,
  typeOf,
  type CostModel,
  type Graph,
  type Node,
  type ValueType,
} from '@decouple/ir';
import { definePass, type RuleResult } from '@decouple/pass-manager';
import { z } from 'zod';
import { composeBias, composeMaps, composeWeights, type ConvMap } from './compose.ts';
import {
  areFinite,
  costOfNodes,
  feedsOnly,
  inputOf,
  isLayer,
  isPlain,
  layerInputs,
  nameWeights,
  outputOf,
  residualOf,
  smallGraph,
  weightsOf,
  type Layer,
} from './layers.ts';

function mapOf(layer: Layer, shape: readonly number[]): ConvMap {
  const full = shape as [number, number, number, number];
  if (layer.op === 'conv2d') return { ...layer.attrs, shape: full };
  const none = { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1 } as const;
  return { ...none, shape: [full[0], full[1], 1, 1] };
}

const weightShape = (layer: Layer, map: ConvMap): number[] =>
  layer.op === 'conv2d' ? [...map.shape] : map.shape.slice(0, 2);

/** The outer layer as the product; `weight` and `bias` are the names of its constants. */
function productNode(
  inner: Layer,
  outer: Layer,
  map: ConvMap,
  weight: string,
  bias?: string,
): Node {
  const { stride, dilation, pads, groups } = map;
  const attrs =
    outer.op === 'conv2d' ? { ...outer.attrs, stride, dilation, pads, groups } : outer.attrs;
  return {
    ...outer,
    inputs: layerInputs(inputOf(inner), weight, bias, residualOf(outer)),
    attrs,
  } as Node;
}

/** Why the product is refused: it costs more, or its size reads differently when sizes are symbolic. */
function refusal(
  graph: Graph,
  inner: Layer,
  outer: Layer,
  map: ConvMap,
  cost: CostModel,
): string | undefined {
  const weight = 'weight of the product';
  const type: ValueType = { dtype: 'float32', shape: weightShape(outer, map) };
  const after = smallGraph(graph, [productNode(inner, outer, map, weight)], [[weight, type]]);
  const before = smallGraph(graph, [inner, outer]);
  const output = outputOf(outer);
  if (!sameType(typeOf(after, output), typeOf(graph, output)))
    return 'the symbolic size of the result would be written differently';
  return costOfNodes(after, cost) > costOfNodes(before, cost)
    ? `their product would cost more ${cost.unit}`
    : undefined;
}

function merge(outer: Layer, graph: Graph, cost: CostModel): RuleResult {
  const inner = producerOf(graph, inputOf(outer));
  if (!isLayer(inner) || inner.op !== outer.op) return undefined;
  if (!isPlain(inner)) return { skip: 'the layer before has an activation or a residual' };
  if (!feedsOnly(graph, inner, outer) || residualOf(outer) === outputOf(inner))
    return { skip: 'the layer before has other readers' };
  const [first, second] = [weightsOf(graph, inner), weightsOf(graph, outer)];
  if (!first || !second) return { skip: 'weights are computed by the network' };
  const innerMap = mapOf(inner, first.weight.shape);
  const outerMap = mapOf(outer, second.weight.shape);
  const innerBias = first.bias?.data.some((value) => value !== 0) ? first.bias.data : undefined;
  const map = composeMaps(innerMap, outerMap, innerBias !== undefined);
  if ('skip' in map) return map;
  const refused = refusal(graph, inner, outer, map, cost);
  if (refused) return { skip: refused };
  const outerFactor = { map: outerMap, weight: second.weight.data };
  const data = composeWeights({ map: innerMap, weight: first.weight.data }, outerFactor, map);
  const bias = composeBias(outerFactor, innerBias, second.bias?.data);
  if (!areFinite(data) || (bias && !areFinite(bias)))
    return { skip: 'their product is not finite' };
  const named = nameWeights(graph, outer.name, { shape: weightShape(outer, map), data }, bias);
  return {
    remove: [inner.name, outer.name],
    add: [productNode(inner, outer, map, named.weight, named.bias)],
    constants: named.constants,
  };
}

export const mergeLinear = definePass({
  name: 'merge-linear',
  summary: 'Replaces adjacent linear operations by their product where that is not more expensive.',
  effect: 'exact',
  options: z.strictObject({}),
  rules: {
    conv2d: (node, graph, _options, { cost }) => merge(node, graph, cost),
    linear: (node, graph, _options, { cost }) => merge(node, graph, cost),
  },
});
