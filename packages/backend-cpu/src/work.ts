/** What a node does on this backend, for predicting its time: see kernels/conv-work.ts for convolutions. */
import type { Work } from '@decouple/cost-model';
import {
  elementsOf,
  producerOf,
  sizesOf,
  soleConsumerOf,
  type Graph,
  type Node,
} from '@decouple/ir';
import type { Tensor } from '@decouple/tensor';
import { candidatesFor, networkWeights, type ChoiceOptions } from './choice.ts';
import { kernels } from './kernels/index.ts';
import { convCandidates, type ConvKernel } from './kernels/conv-candidates.ts';
import { geometryOf } from './kernels/conv-shape.ts';
import { matrixWork } from './kernels/conv-work.ts';
import { isRowMajor } from './layout.ts';

const nothing: Work = {};
/** Maps of more elements don't stay in the caches. */
const largeMap = 250_000;

const elementsIn = (graph: Graph, values: readonly string[]): number =>
  values.reduce((sum, value) => {
    const type = graph.types.get(value);
    return type?.dtype === 'float32' && !graph.constants.has(value) ? sum + elementsOf(type) : sum;
  }, 0);

/** Elements of all operands and results that are no constants. */
const touched = (graph: Graph, node: Node): number =>
  elementsIn(graph, node.inputs) + elementsIn(graph, node.outputs);

const vectorFunctions = new Set([
  'sigmoid',
  'tanh',
  'hard-swish',
  'exp',
  'elu',
  'selu',
  'softplus',
  'erf',
  'log',
]);
const renaming = new Set(['flatten', 'reshape', 'squeeze', 'unsqueeze', 'identity', 'dropout']);
const fusable = new Set(['relu', 'leaky-relu', 'clip', 'batch-normalization', 'add']);

/** Whether compiling makes a node part of the convolution before it. */
const isFused = (graph: Graph, node: Node): boolean =>
  fusable.has(node.op) &&
  node.inputs.some((input) => {
    const producer = producerOf(graph, input);
    return (
      (producer?.op === 'conv2d' || producer?.op === 'linear' || producer?.op === 'add') &&
      soleConsumerOf(graph, input) === node
    );
  });

function isRenaming(graph: Graph, node: Node): boolean {
  const types = [node.inputs[0] ?? '', node.outputs[0] ?? ''].map((value) =>
    graph.types.get(value),
  );
  return renaming.has(node.op) && types.every((type) => type && isRowMajor(sizesOf(type)));
}

function linearWork(graph: Graph, node: Node): Work {
  const weight = graph.constants.get(node.inputs[1] ?? '');
  const type = graph.types.get(node.outputs[0] ?? '');
  if (!weight || !type) return nothing;
  const [outChannels, channels] = weight.shape as [number, number];
  const network = networkWeights(graph);
  return matrixWork(sizesOf(type)[0] ?? 1, channels, outChannels, network);
}

function poolWork(graph: Graph, node: Node & { op: 'max-pool' | 'average-pool' }): Work {
  const [inputs, outputs] = [elementsIn(graph, node.inputs), elementsIn(graph, node.outputs)];
  const taps = node.attrs.kernel[0] * node.attrs.kernel[1];
  return {
    'pool.tap': outputs * taps,
    'pool.output': outputs,
    'pool.spill': inputs > largeMap ? inputs : 0,
    'pool.call': 1,
  };
}

function otherWork(graph: Graph, node: Node): Work {
  if (isFused(graph, node) || isRenaming(graph, node)) return nothing;
  const elements = touched(graph, node);
  if (node.op === 'linear') return linearWork(graph, node);
  if (node.op === 'max-pool' || node.op === 'average-pool') return poolWork(graph, node);
  if (node.op === 'softmax') return { 'softmax.element': elements, 'move.call': 1 };
  if (node.op === 'global-average-pool' || node.op === 'reduce')
    return { 'reduce.element': elements, 'move.call': 1 };
  if (vectorFunctions.has(node.op)) return { 'function.element': elements, 'move.call': 1 };
  if (typeof kernels[node.op] === 'function') return { 'move.element': elements, 'move.call': 1 };
  return elements === 0 ? nothing : { 'interpreted.element': elements, 'interpreted.call': 1 };
}

/** The kernel that would be chosen for a node; `undefined` for nodes without a choice. */
export function kernelOf(
  graph: Graph,
  node: Node,
  options: ChoiceOptions = {},
  known: ReadonlyMap<string, Tensor> = graph.constants,
): ConvKernel | undefined {
  const geometry = geometryOf(graph, node, known);
  if (!geometry) return undefined;
  const candidates = candidatesFor(geometry, networkWeights(graph), options);
  const wanted = options.force ?? options.measured?.get(node.name);
  return candidates.find((kernel) => kernel === wanted) ?? candidates[0];
}

/** What a node does, in a graph as it is or as it is compiled. Symbolic sizes are 1. */
export function workOf(graph: Graph, node: Node, options: ChoiceOptions = {}): Work {
  const geometry = geometryOf(graph, node, graph.constants);
  const kernel = kernelOf(graph, node, options);
  if (geometry && kernel) return convCandidates[kernel].work(geometry, networkWeights(graph));
  return otherWork(graph, node);
}

/** What a run does besides its nodes: inputs and results are copied and brought into the layout that is wanted. */
export const runWork = (graph: Graph): Work => ({
  'run.call': 1,
  'run.element':
    elementsIn(
      graph,
      graph.inputs.map(({ name }) => name),
    ) + elementsIn(graph, graph.outputs),
});
