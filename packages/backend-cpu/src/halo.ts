/** How many zero rows and columns around a feature map its readers need. */
import { staticShape, type Graph, type NodeOf } from '@decouple/ir';
import type { KernelChoices } from './choice.ts';
import { convCandidates } from './kernels/conv-candidates.ts';
import { geometryOf, type ConvGeometry } from './kernels/conv-shape.ts';
import type { Tensor } from '@decouple/tensor';

/** Rows above, columns left, rows below, columns right. */
export type Halo = readonly [number, number, number, number];
export const noHalo: Halo = [0, 0, 0, 0];

/** The part of a convolution's padding that its windows reach, those of whole tiles of outputs. */
function reached(
  { attrs: { stride, pads, dilation } }: NodeOf<'conv2d'>,
  { outRows, outColumns, kernel }: ConvGeometry,
  size: readonly [number, number],
  tile: number,
): Halo {
  const after = [outRows, outColumns].map((out, at) => {
    const axis = at as 0 | 1;
    const last = (Math.ceil(out / tile) * tile - 1) * stride[axis];
    const reach = last + (kernel[axis] - 1) * dilation[axis] + 1;
    return Math.max(0, reach - pads[axis] - size[axis]);
  }) as [number, number];
  return [pads[0], pads[1], ...after];
}

/** Halos by value: for each map the widest that any of its convolutions reads. Values that need none are absent. */
export function haloDemand(
  graph: Graph,
  known: ReadonlyMap<string, Tensor>,
  choices: KernelChoices,
): Map<string, Halo> {
  const demands = new Map<string, Halo>();
  for (const node of graph.nodes) {
    const [x = ''] = node.inputs;
    const geometry = geometryOf(graph, node, known);
    const type = graph.types.get(x);
    const shape = type && staticShape(type);
    if (node.op !== 'conv2d' || !geometry || !shape) continue;
    const { tile } = convCandidates[choices.get(node.name) ?? 'gemm'];
    const halo = reached(node, geometry, [shape[2] as number, shape[3] as number], tile);
    const old = demands.get(x) ?? noHalo;
    const widest = halo.map((size, side) => Math.max(size, old[side] as number));
    if (widest.some((size) => size > 0)) demands.set(x, widest as unknown as Halo);
  }
  return demands;
}
