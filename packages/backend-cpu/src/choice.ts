/** Chooses a kernel for each convolution, before anything has a place: the choice decides about halos. */
import type { Graph } from '@decouple/ir';
import { nanoseconds, type Rates } from '@decouple/cost-model';
import type { Tensor } from '@decouple/tensor';
import { commonRates } from './common-rates.ts';
import { convCandidates, convKernels, type ConvKernel } from './kernels/conv-candidates.ts';
import { geometryOf, type ConvGeometry } from './kernels/conv-shape.ts';

export interface ChoiceOptions {
  /** The largest Winograd tile allowed. Default 'f4'. */
  readonly winograd?: 'off' | 'f2' | 'f4' | undefined;
  /** A kernel to use wherever it applies. */
  readonly force?: ConvKernel | undefined;
  /** Kernels of single nodes, as measured. */
  readonly measured?: ReadonlyMap<string, ConvKernel> | undefined;
  /** Nanoseconds of what kernels do, as fitted to this machine. Default: those of a common machine. */
  readonly rates?: Rates | undefined;
}

/** Kernels by the name of the node. */
export type KernelChoices = ReadonlyMap<string, ConvKernel>;

const forbidden: Readonly<Record<string, readonly ConvKernel[]>> = {
  off: ['winograd-f2', 'winograd-f4'],
  f2: ['winograd-f4'],
  f4: [],
};

const weightsOf = new WeakMap<Graph, number>();

/** Bytes of all weights of a network: what each run reads, and the caches would have to hold. */
export function networkWeights(graph: Graph): number {
  const counted = weightsOf.get(graph);
  if (counted !== undefined) return counted;
  const bytes = graph.nodes.reduce((sum, { op, inputs }) => {
    const weight =
      op === 'conv2d' || op === 'linear' ? graph.constants.get(inputs[1] ?? '') : undefined;
    return weight ? sum + weight.data.byteLength : sum;
  }, 0);
  weightsOf.set(graph, bytes);
  return bytes;
}

/**
 * The kernels that can run a convolution, the one expected to be fastest first.
 * @param network bytes of all weights of the network that it is part of.
 */
export function candidatesFor(
  geometry: ConvGeometry,
  network: number,
  { winograd = 'f4', rates = commonRates }: Pick<ChoiceOptions, 'winograd' | 'rates'> = {},
): ConvKernel[] {
  const time = (kernel: ConvKernel): number =>
    nanoseconds(convCandidates[kernel].work(geometry, network), rates);
  return convKernels
    .filter(
      (kernel) =>
        convCandidates[kernel].applies(geometry) && !forbidden[winograd]?.includes(kernel),
    )
    .sort((a, b) => time(a) - time(b));
}

export function chooseKernels(
  graph: Graph,
  known: ReadonlyMap<string, Tensor>,
  { force, measured, ...options }: ChoiceOptions,
): KernelChoices {
  const choices = new Map<string, ConvKernel>();
  for (const node of graph.nodes) {
    const geometry = geometryOf(graph, node, known);
    if (!geometry) continue;
    const candidates = candidatesFor(geometry, networkWeights(graph), options);
    const wanted = force ?? measured?.get(node.name);
    const chosen = candidates.find((kernel) => kernel === wanted) ?? candidates[0];
    choices.set(node.name, chosen as ConvKernel);
  }
  return choices;
}
