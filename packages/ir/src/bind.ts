/** Binding of symbolic dimensions: the same graph for concrete input shapes. */
import { ModelError } from '@decouple/tensor';
import { bindDim } from './bind-dims.ts';
import { createGraph, type Graph } from './graph.ts';
import type { Node } from './node.ts';
import type { Dim } from './types.ts';

/** Symbols of the inputs' shapes, in order of appearance. */
export function symbolsOf(graph: Graph): string[] {
  const dims = graph.inputs.flatMap((input) => input.type.shape);
  return [...new Set(dims.filter((dim) => typeof dim === 'string'))];
}

/**
 * The graph with symbols replaced, e.g. `{ N: 8 }`; unnamed symbols stay.
 * @throws ModelError when the sizes don't fit the network.
 */
export function bindSymbols(graph: Graph, sizes: Readonly<Record<string, number>>): Graph {
  const bind = (dim: Dim): Dim => bindDim(dim, sizes);
  const inputs = graph.inputs.map(({ name, type }) => ({
    name,
    type: { ...type, shape: type.shape.map(bind) },
  }));
  const nodes = graph.nodes.map((node): Node => {
    if (node.op === 'reshape' || node.op === 'expand')
      return { ...node, attrs: { ...node.attrs, shape: node.attrs.shape.map(bind) } } as Node;
    if (node.op === 'resize' && node.attrs.sizes)
      return { ...node, attrs: { ...node.attrs, sizes: node.attrs.sizes.map(bind) } };
    if (node.op !== 'opaque') return node;
    const outputTypes = node.attrs.outputTypes.map(
      (type) => type && { ...type, shape: type.shape.map(bind) },
    );
    return { ...node, attrs: { ...node.attrs, outputTypes } };
  });
  return createGraph({ ...graph, inputs, nodes });
}

/**
 * The graph for inputs of the given shapes.
 * @throws ModelError when an input is unknown, missing, or differs from a fixed dimension.
 */
export function bindShapes(
  graph: Graph,
  shapes: Readonly<Record<string, readonly number[]>>,
): Graph {
  const sizes = new Map<string, number>();
  for (const name of Object.keys(shapes))
    if (!graph.inputs.some((input) => input.name === name))
      throw new ModelError(
        `'${name}' is not an input; inputs are ${graph.inputs.map((input) => input.name).join(', ')}`,
      );
  for (const { name, type } of graph.inputs) {
    const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
    const wanted = `[${type.shape.join(',')}]`;
    if (!shape) throw new ModelError(`input '${name}' ${wanted} is missing`);
    const fits =
      shape.length === type.shape.length &&
      type.shape.every((dim, axis) => {
        const size = shape[axis] as number;
        if (typeof dim === 'number') return dim === size;
        if (!sizes.has(dim)) sizes.set(dim, size);
        return sizes.get(dim) === size;
      });
    if (!fits) throw new ModelError(`input '${name}' is [${shape.join(',')}], expected ${wanted}`);
  }
  return sizes.size ? bindSymbols(graph, Object.fromEntries(sizes)) : graph;
}
