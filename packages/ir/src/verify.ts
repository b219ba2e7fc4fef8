/** The executable specification of a graph: lists all violations. */
import { holdsNumbers, sizeOf, type Tensor } from '@decouple/tensor';
import { describeIssues } from './attributes.ts';
import { inferGraph, type GraphParts, type Problem } from './graph.ts';
import { recordOf, type Node } from './node.ts';

function attributeProblems(node: Node): Problem[] {
  const parsed = recordOf(node.op).attrs.safeParse(node.attrs);
  if (parsed.success) return [];
  return [
    {
      node: node.name,
      op: node.op,
      message: `attributes: ${describeIssues(parsed.error)}`,
    },
  ];
}

/** Names of float constants that hold NaN or Infinity. */
export function nonFiniteConstants(
  graph: GraphParts,
  known: ReadonlyMap<string, Tensor> = new Map(),
): string[] {
  return [...graph.constants]
    .filter(([name, value]) => known.get(name) !== value && !holdsNumbers(value))
    .map(([name]) => name);
}

function tensorProblems(name: string, { shape, data }: Tensor): Problem[] {
  return data.length === sizeOf(shape)
    ? []
    : [
        {
          node: name,
          op: 'constant',
          message: `holds ${data.length} elements, its shape [${shape.join(',')}] wants ${sizeOf(shape)}`,
        },
      ];
}

/**
 * All violations of a graph: names, order, arity, attributes, shapes.
 * An empty list means that the graph is well formed.
 */
export function verify(graph: GraphParts): Problem[] {
  const attributes = graph.nodes.flatMap(attributeProblems);
  const { problems } = inferGraph(graph, new Set(attributes.map(({ node }) => node)));
  const constants = [...graph.constants].flatMap(([name, value]) => tensorProblems(name, value));
  return [...constants, ...attributes, ...problems];
}
