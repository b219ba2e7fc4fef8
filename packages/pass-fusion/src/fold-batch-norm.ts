/**
 * Folds a batch normalization y = k·x + c, k = γ/√(v+ε), c = β - k·m, per channel, into a neighbour:
 *
 *   after a layer    k·(W x + b) + c      = (k W) x + (k b + c)               always exact
 *   before a layer   W (k x + c) + b      = (W k) x + (b + Σ_{i,κ} W c)       unless the layer zero-pads and c ≠ 0:
 *                                                                             padding is added after c
 *
 * In float64, rounded once. The layer keeps its name; what it gives is called like the normalization's result (in the
 * second case, like its own). Not handled: layers with several readers, an activation or a residual in between.
 */
import {
  constantInput,
  producerOf,
  soleConsumerOf,
  type Graph,
  type Node,
  type NodeOf,
} from '@decouple/ir';
import { definePass, type RuleResult } from '@decouple/pass-manager';
import { numbersOf } from '@decouple/tensor';
import { z } from 'zod';
import {
  areFinite,
  feedsOnly,
  inputOf,
  isLayer,
  isPlain,
  layerInputs,
  nameWeights,
  outputOf,
  residualOf,
  weightsOf,
  type Layer,
} from './layers.ts';

type Norm = NodeOf<'batch-normalization'> & Node;

/** y = factor·x + offset per channel. */
interface Affine {
  readonly factor: Float64Array;
  readonly offset: Float64Array;
}

function affineOf(graph: Graph, norm: Norm): Affine | undefined {
  const inputs = [1, 2, 3, 4].map((index) => constantInput(graph, norm, index));
  const [scale, bias, mean, variance] = inputs.map((value) => value && numbersOf(value));
  if (!scale || !bias || !mean || !variance) return undefined;
  const factor = Float64Array.from(
    scale,
    (gamma, index) => gamma / Math.sqrt((variance[index] as number) + norm.attrs.epsilon),
  );
  const offset = factor.map(
    (value, index) => (bias[index] as number) - value * (mean[index] as number),
  );
  return { factor, offset };
}

/** The layer with new weights; it gives `output`. */
function rebuilt(
  graph: Graph,
  layer: Layer,
  norm: Norm,
  parts: { x: string; output: string; weight: Float64Array; bias: Float64Array },
): RuleResult {
  if (!areFinite(parts.weight) || !areFinite(parts.bias))
    return { skip: 'folding gives weights that are not finite' };
  const { shape } = weightsOf(graph, layer)?.weight ?? { shape: [] };
  const named = nameWeights(graph, layer.name, { shape, data: parts.weight }, parts.bias);
  const inputs = layerInputs(parts.x, named.weight, named.bias, residualOf(layer));
  return {
    remove: [layer.name, norm.name],
    add: [{ ...layer, inputs, outputs: [parts.output] }],
    constants: named.constants,
  };
}

function foldAfter(graph: Graph, layer: Layer, norm: Norm, affine: Affine): RuleResult {
  const weights = weightsOf(graph, layer);
  if (!weights) return { skip: 'the layer before computes its weights' };
  if (!isPlain(layer)) return { skip: 'the layer before has an activation or a residual' };
  if (!feedsOnly(graph, layer, norm)) return { skip: 'the layer before has other readers' };
  const { weight, bias } = weights;
  const perOutput = weight.data.length / affine.factor.length;
  const scaled = new Float64Array(weight.data);
  for (let index = 0; index < scaled.length; index++)
    scaled[index]! *= affine.factor[Math.floor(index / perOutput)] as number;
  const shifted = affine.offset.map(
    (value, index) => value + (affine.factor[index] as number) * (bias?.data[index] ?? 0),
  );
  const parts = { x: inputOf(layer), output: outputOf(norm), weight: scaled, bias: shifted };
  return rebuilt(graph, layer, norm, parts);
}

function foldBefore(graph: Graph, norm: Norm, layer: Layer, affine: Affine): RuleResult {
  const weights = weightsOf(graph, layer);
  if (!weights) return { skip: 'the layer after computes its weights' };
  if (layer.inputs.indexOf(outputOf(norm)) !== 0 || residualOf(layer) === outputOf(norm))
    return { skip: 'the layer after reads it not only as its input' };
  const pads = layer.op === 'conv2d' ? layer.attrs.pads : [];
  if (pads.some((side) => side > 0) && affine.offset.some((value) => value !== 0))
    return { skip: 'the convolution after pads with zeros, which are not normalized' };
  const { weight, bias } = weights;
  const groups = layer.op === 'conv2d' ? layer.attrs.groups : 1;
  const [outChannels, perGroup] = weight.shape as [number, number];
  const taps = weight.data.length / (outChannels * perGroup);
  const scaled = new Float64Array(weight.data.length);
  const shifted = Float64Array.from({ length: outChannels }, (_, index) => bias?.data[index] ?? 0);
  for (let at = 0; at < scaled.length; at++) {
    const row = Math.floor(at / taps);
    const out = Math.floor(row / perGroup);
    const group = Math.floor((out * groups) / outChannels);
    const channel = group * perGroup + (row % perGroup);
    const value = weight.data[at] as number;
    scaled[at] = value * (affine.factor[channel] as number);
    shifted[out] = (shifted[out] as number) + value * (affine.offset[channel] as number);
  }
  const parts = { x: inputOf(norm), output: outputOf(layer), weight: scaled, bias: shifted };
  return rebuilt(graph, layer, norm, parts);
}

export const foldBatchNorm = definePass({
  name: 'fold-batch-norm',
  summary: 'Folds batch normalizations into the convolution or linear layer before or after them.',
  effect: 'exact',
  options: z.strictObject({}),
  rules: {
    'batch-normalization': (norm, graph) => {
      const affine = affineOf(graph, norm);
      if (!affine) return { skip: 'its parameters are computed by the network' };
      const before = producerOf(graph, inputOf(norm));
      const after = soleConsumerOf(graph, outputOf(norm));
      const folded = isLayer(before) ? foldAfter(graph, before, norm, affine) : undefined;
      if (folded && !('skip' in folded)) return folded;
      const other = isLayer(after) ? foldBefore(graph, norm, after, affine) : undefined;
      if (other && !('skip' in other)) return other;
      return folded ?? other ?? { skip: 'no convolution or linear layer next to it' };
    },
  },
});
