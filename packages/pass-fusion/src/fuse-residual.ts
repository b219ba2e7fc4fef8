/**
 * Makes a sum part of a convolution or linear layer that feeds it: act((W x + b) + r), with the sum's activation. The
 * layer keeps its name and gives the sum's value. Only its sum reads the layer, so r can't depend on it and no cycle
 * arises; the layer moves behind whatever makes r. Of two layers that could take the sum, the later one does.
 */
import { formatType, producerOf, type Graph, type Node, type NodeOf } from '@decouple/ir';
import { definePass, type RuleResult } from '@decouple/pass-manager';
import { z } from 'zod';
import { feedsOnly, isLayer, layerInputs, outputOf, residualOf, type Layer } from './layers.ts';

function canTake(graph: Graph, node: Node | undefined, sum: Node): node is Layer {
  return (
    isLayer(node) && feedsOnly(graph, node, sum) && !node.attrs.activation && !residualOf(node)
  );
}

function fuse(sum: NodeOf<'add'> & Node, graph: Graph): RuleResult {
  const [a, b] = sum.inputs as [string, string];
  const texts = [a, b, outputOf(sum)].map((value) => {
    const type = graph.types.get(value);
    return type && formatType(type);
  });
  const producers = [a, b].map((value) => producerOf(graph, value));
  if (!producers.some(isLayer)) return { skip: 'no convolution or linear layer before it' };
  if (a === b) return { skip: 'both summands are the same value' };
  if (!texts[0] || texts.some((text) => text !== texts[0]))
    return { skip: 'the summands are of different shapes' };
  const layers = producers.filter((node) => canTake(graph, node, sum));
  const layer = layers.sort((x, y) => graph.nodes.indexOf(y) - graph.nodes.indexOf(x))[0];
  if (!layer) return { skip: 'the layers before have other readers, an activation or a residual' };
  const other = outputOf(layer) === a ? b : a;
  const [x, weight, bias] = layer.inputs as [string, string, string?];
  const fused = {
    ...layer,
    inputs: layerInputs(x, weight, bias, other),
    outputs: sum.outputs,
    attrs: { ...layer.attrs, activation: sum.attrs.activation },
  } as Node;
  return { remove: [layer.name, sum.name], add: [fused] };
}

export const fuseResidual = definePass({
  name: 'fuse-residual',
  summary: 'Makes the sum at the end of a residual block part of a convolution that feeds it.',
  effect: 'exact',
  options: z.strictObject({}),
  rules: { add: fuse },
});
