/**
 * Builds graphs in code:
 *
 *   const b = graphBuilder('net');
 *   const x = b.input('x', ['N', 3, 8, 8]);
 *   const y = b.node('conv2d', [x, b.constant('w', weight)], { pads: [1, 1, 1, 1] });
 *   const graph = b.build([y]);
 */
import { ModelError, type DType, type Tensor } from '@decouple/tensor';
import { describeIssues } from './attributes.ts';
import { createGraph, type Graph, type GraphInput } from './graph.ts';
import { recordOf, type AttrsInput, type Node, type OpKind } from './node.ts';
import type { Dim } from './types.ts';

export interface GraphBuilder {
  input(name: string, shape: readonly Dim[], dtype?: DType): string;
  /** @throws ModelError when a constant has this name already. */
  constant(name: string, value: Tensor): string;
  /** Adds a node and returns its (first) output, which is named like the node. */
  node<K extends OpKind>(
    op: K,
    inputs: readonly string[],
    attrs?: AttrsInput<K>,
    name?: string,
  ): string;
  /** @throws ModelError as `createGraph`. */
  build(outputs: readonly string[]): Graph;
}

/**
 * A node with its attributes completed by the schema's defaults; its one output carries the node's name.
 * @throws ModelError when the attributes don't fit the schema.
 */
export function makeNode<K extends OpKind>(
  op: K,
  name: string,
  inputs: readonly string[],
  attrs: AttrsInput<K>,
  more: { readonly outputs?: readonly string[]; readonly origin?: string } = {},
): Node {
  const parsed = recordOf(op).attrs.safeParse(attrs);
  if (!parsed.success)
    throw new ModelError(`${op} '${name}': ${describeIssues(parsed.error)}`, {
      cause: parsed.error,
    });
  return {
    name,
    op,
    inputs,
    outputs: more.outputs ?? [name],
    attrs: parsed.data,
    origin: more.origin ?? name,
  } as Node;
}

export function graphBuilder(name: string): GraphBuilder {
  const inputs: GraphInput[] = [];
  const constants = new Map<string, Tensor>();
  const nodes: Node[] = [];
  const counts = new Map<string, number>();
  const fresh = (op: string): string => {
    const count = (counts.get(op) ?? 0) + 1;
    counts.set(op, count);
    return `${op}${count}`;
  };
  return {
    input(value, shape, dtype = 'float32') {
      inputs.push({ name: value, type: { dtype, shape } });
      return value;
    },
    constant(value, data) {
      if (constants.has(value)) throw new ModelError(`constant '${value}' is defined twice`);
      constants.set(value, data);
      return value;
    },
    node(op, values, attrs, nodeName = fresh(op)) {
      nodes.push(makeNode(op, nodeName, values, attrs ?? ({} as AttrsInput<typeof op>)));
      return nodeName;
    },
    build: (outputs) => createGraph({ name, inputs, outputs, nodes, constants }),
  };
}
