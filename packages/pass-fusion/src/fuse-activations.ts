/**
 * Makes relu, leaky-relu and clip an attribute of the convolution, linear layer or sum before them, so that backends
 * apply them while they write the result: act(W x + b + r). The layer keeps its name and gives the activation's value.
 */
import { isOp, producerOf, type Activation, type Graph, type Node } from '@decouple/ir';
import { definePass, type RuleResult } from '@decouple/pass-manager';
import { z } from 'zod';
import { feedsOnly, inputOf, isLayer } from './layers.ts';

function fuse(node: Node, graph: Graph, activation: Activation): RuleResult {
  const before = producerOf(graph, inputOf(node));
  if (!isLayer(before) && !isOp(before, 'add'))
    return { skip: 'no convolution, linear layer or sum before it' };
  if (before.attrs.activation) return { skip: 'the layer before already has an activation' };
  if (!feedsOnly(graph, before, node)) return { skip: 'the layer before has other readers' };
  const fused = {
    ...before,
    outputs: node.outputs,
    attrs: { ...before.attrs, activation },
  } as Node;
  return { remove: [before.name, node.name], add: [fused] };
}

export const fuseActivations = definePass({
  name: 'fuse-activations',
  summary: 'Makes activations part of the convolution, linear layer or sum before them.',
  effect: 'exact',
  options: z.strictObject({}),
  rules: {
    relu: (node, graph) => fuse(node, graph, { kind: 'relu' }),
    'leaky-relu': (node, graph) =>
      fuse(node, graph, { kind: 'leaky-relu', alpha: node.attrs.alpha }),
    clip: (node, graph) =>
      fuse(node, graph, { kind: 'clip', min: node.attrs.min, max: node.attrs.max }),
  },
});
