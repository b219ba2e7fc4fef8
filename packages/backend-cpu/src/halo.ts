/** How many zero rows and columns around a feature map its readers need. */
import { type Graph, type NodeOf, staticShape } from '@decouple/ir';
import type { Tensor } from '@decouple/tensor';

/** Rows above, columns left, rows below, columns right. */
export type Halo = readonly [number, number, number, number];
export const noHalo: Halo = [0, 0, 0, 0];

/** Whether a convolution's parameters are constant, which the generated kernels need to pack them. */
export const hasConstantParameters = (
  node: NodeOf<'conv2d'> | NodeOf<'linear'>,
  known: ReadonlyMap<string, Tensor>,
): boolean => known.has(node.inputs[1] ?? '') && (!node.inputs[2] || known.has(node.inputs[2]));

/** The part of a convolution's padding that its windows reach. */
function reached(
  node: NodeOf<'conv2d'>,
  x: readonly number[],
  y: readonly number[],
  weight: readonly number[],
): Halo {
  const { stride, pads, dilation } = node.attrs;
  const after = [0, 1].map((axis) => {
    const last = ((y[2 + axis] as number) - 1) * (stride[axis] as number);
    const reach = last + ((weight[2 + axis] as number) - 1) * (dilation[axis] as number) + 1;
    return Math.max(0, reach - (pads[axis] as number) - (x[2 + axis] as number));
  }) as [number, number];
  return [pads[0], pads[1], ...after];
}

/** Halos by value: for each map the widest that any of its convolutions reads. Values that need none are absent. */
export function haloDemand(graph: Graph, known: ReadonlyMap<string, Tensor>): Map<string, Halo> {
  const demands = new Map<string, Halo>();
  for (const node of graph.nodes) {
    if (node.op !== 'conv2d' || !hasConstantParameters(node, known)) continue;
    const [x = '', weight = ''] = node.inputs;
    const [xType, yType] = [graph.types.get(x), graph.types.get(node.outputs[0] ?? '')];
    const [xShape, yShape] = [xType && staticShape(xType), yType && staticShape(yType)];
    const shape = known.get(weight)?.shape;
    if (!xShape || !yShape || !shape || known.has(x)) continue;
    const halo = reached(node, xShape, yShape, shape);
    const old = demands.get(x) ?? noHalo;
    const widest = halo.map((size, side) => Math.max(size, old[side] as number));
    if (widest.some((size) => size > 0)) demands.set(x, widest as unknown as Halo);
  }
  return demands;
}
