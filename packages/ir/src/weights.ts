/** Which constants are weights: what files may store with fewer bits. */
import type { Graph } from './graph.ts';
import type { Node } from './node.ts';

/** Constants below are too small to be worth it. */
const leastElements = 1024;

/** The axis of output channels of input `place`, or `undefined` when it is no weight. */
function outputAxis(node: Node, place: number, rank: number): number | undefined {
  switch (node.op) {
    case 'conv2d':
    case 'linear':
      return place === 1 ? 0 : undefined;
    case 'conv-transpose2d':
      return place === 1 ? 1 : undefined;
    case 'matmul':
      return rank - 2 + place;
    case 'gather':
      return place === 0 ? (node.attrs.axis + rank) % rank : undefined;
    default:
      return undefined;
  }
}

/**
 * The weights of a graph with the axis of their output channels: float32 constants of two axes or more and at least
 * 1024 elements that convolutions and matrix products multiply by, or that are tables to gather from.
 */
export function weightAxes({
  nodes,
  constants,
}: Pick<Graph, 'nodes' | 'constants'>): Map<string, number> {
  const axes = new Map<string, number>();
  for (const node of nodes)
    for (const [place, name] of node.inputs.entries()) {
      const value = constants.get(name);
      const isLarge = value && value.shape.length >= 2 && value.data.length >= leastElements;
      if (!isLarge || value.dtype !== 'float32' || axes.has(name)) continue;
      const axis = outputAxis(node, place, value.shape.length);
      if (axis !== undefined) axes.set(name, axis);
    }
  return axes;
}
