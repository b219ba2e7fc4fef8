/** Chooses a kernel for each convolution, before anything has a place: the choice decides about halos. */
import type { Graph } from '@decouple/ir';
import type { Tensor } from '@decouple/tensor';
import { convCandidates, convKernels, type ConvKernel } from './kernels/conv-candidates.ts';
import { geometryOf, type ConvGeometry } from './kernels/conv-shape.ts';

export interface ChoiceOptions {
  /** The largest Winograd tile allowed. Default 'f4'. */
  readonly winograd?: 'off' | 'f2' | 'f4' | undefined;
  /** A kernel to use wherever it applies. */
  readonly force?: ConvKernel | undefined;
  /** Kernels of single nodes, as measured. */
  readonly measured?: ReadonlyMap<string, ConvKernel> | undefined;
}

/** Kernels by the name of the node. */
export type KernelChoices = ReadonlyMap<string, ConvKernel>;

const forbidden: Readonly<Record<string, readonly ConvKernel[]>> = {
  off: ['winograd-f2', 'winograd-f4'],
  f2: ['winograd-f4'],
  f4: [],
};

/** The kernels that can run a convolution, in the order that the model expects their times. */
export function candidatesFor(
  geometry: ConvGeometry,
  winograd: ChoiceOptions['winograd'] = 'f4',
): ConvKernel[] {
  const cost = (kernel: ConvKernel): number => convCandidates[kernel].cost(geometry);
  return convKernels
    .filter(
      (kernel) =>
        convCandidates[kernel].applies(geometry) && !forbidden[winograd]?.includes(kernel),
    )
    .sort((a, b) => cost(a) - cost(b));
}

export function chooseKernels(
  graph: Graph,
  known: ReadonlyMap<string, Tensor>,
  { winograd, force, measured }: ChoiceOptions,
): KernelChoices {
  const choices = new Map<string, ConvKernel>();
  for (const node of graph.nodes) {
    const geometry = geometryOf(graph, node, known);
    if (!geometry) continue;
    const candidates = candidatesFor(geometry, winograd);
    const wanted = force ?? measured?.get(node.name);
    const chosen = candidates.find((kernel) => kernel === wanted) ?? candidates[0];
    choices.set(node.name, chosen as ConvKernel);
  }
  return choices;
}
