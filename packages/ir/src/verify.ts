/** The executable specification of a graph: lists all violations. */
import { messageOf, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { inferGraph, type Graph, type GraphParts, type Problem } from './graph.ts';
import { recordOf, type Node } from './node.ts';

function attributeProblems(node: Node): Problem[] {
  const parsed = recordOf(node.op).attrs.safeParse(node.attrs);
  if (parsed.success) return [];
  return [
    {
      node: node.name,
      op: node.op,
      message: `attributes: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`,
    },
  ];
}

function arityProblems(node: Node): Problem[] {
  const specs = recordOf(node.op).inputs;
  const variadic = specs[specs.length - 1]?.variadic === true;
  const problem = (message: string): Problem => ({ node: node.name, op: node.op, message });
  if (!variadic && node.inputs.length > specs.length)
    return [problem(`takes at most ${specs.length} inputs, got ${node.inputs.length}`)];
  return specs.flatMap((spec, index) =>
    !spec.optional && !node.inputs[index] ? [problem(`input '${spec.name}' is missing`)] : [],
  );
}

const isFinite = (value: Tensor): boolean => {
  if (value.dtype !== 'float32' && value.dtype !== 'float64') return true;
  const data = value.data as Float32Array;
  for (let index = 0; index < data.length; index++) if (!Number.isFinite(data[index])) return false;
  return true;
};

/** Names of float constants that hold NaN or Infinity. */
export function nonFiniteConstants(
  graph: GraphParts,
  known: ReadonlyMap<string, Tensor> = new Map(),
): string[] {
  return [...graph.constants]
    .filter(([name, value]) => known.get(name) !== value && !isFinite(value))
    .map(([name]) => name);
}

/**
 * All violations of a graph: names, order, arity, attributes, shapes.
 * An empty list means that the graph is well formed.
 */
export function verify(graph: GraphParts | Graph): Problem[] {
  const { types, problems } = inferGraph(graph);
  const all = [
    ...problems,
    ...graph.nodes.flatMap((node) => [...arityProblems(node), ...attributeProblems(node)]),
  ];
  for (const node of graph.nodes) {
    const expected = node.outputs.length;
    try {
      const record = recordOf(node.op);
      const inferred = record.infer(
        node.inputs.map((input) => types.get(input)),
        node.attrs,
      ).length;
      if (node.op !== 'opaque' && inferred < expected)
        all.push({
          node: node.name,
          op: node.op,
          message: `has ${expected} outputs, its op gives ${inferred}`,
        });
    } catch (error) {
      if (!all.some((problem) => problem.node === node.name))
        all.push({ node: node.name, op: node.op, message: messageOf(error) });
    }
  }
  return all;
}
