/** The reference interpreter: every node by the obvious loops of its op record. Slow, and the oracle for all else. */
import { messageOf, ModelError, UnsupportedError, type Tensor } from '@decouple/tensor';
import { bindShapes } from './bind.ts';
import type { Graph } from './graph.ts';
import { requireMemory, requireSmall } from './limits.ts';
import { recordOf, type Node } from './node.ts';
import { typeOfTensor } from './types.ts';

export interface InterpretOptions {
  /** Called with every value as it is made (inputs and constants excluded). */
  readonly onValue?: (name: string, value: Tensor, node: Node) => void;
}

/**
 * Outputs of one node.
 * @throws ModelError naming the node when the inputs don't fit it; UnsupportedError when it can't be run or its
 * results are too large.
 */
export function interpretNode(node: Node, inputs: readonly (Tensor | undefined)[]): Tensor[] {
  try {
    const record = recordOf(node.op);
    requireSmall(
      record.infer(
        inputs.map((value) => value && typeOfTensor(value)),
        node.attrs,
      ),
    );
    return record.reference(inputs, node.attrs);
  } catch (error) {
    const wrap = error instanceof UnsupportedError ? UnsupportedError : ModelError;
    throw new wrap(`${node.op} '${node.name}': ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Runs a graph. Values are dropped after their last use.
 * @param inputs tensors by input name; symbolic dimensions are bound by them.
 * @returns tensors by output name.
 * @throws ModelError when inputs don't fit; UnsupportedError at an opaque op, or when values take too much memory.
 */
export function interpret(
  graph: Graph,
  inputs: Readonly<Record<string, Tensor>>,
  options: InterpretOptions = {},
): Record<string, Tensor> {
  const bound = bindShapes(
    graph,
    Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, value.shape])),
  );
  for (const { name, type } of bound.inputs) {
    const { dtype } = inputs[name] as Tensor;
    if (dtype !== type.dtype)
      throw new ModelError(`input '${name}' is ${dtype}, expected ${type.dtype}`);
  }
  requireMemory(bound);
  const values = new Map<string, Tensor>([...bound.constants, ...Object.entries(inputs)]);
  const lastUse = new Map<string, number>();
  bound.nodes.forEach((node, index) => node.inputs.forEach((input) => lastUse.set(input, index)));
  for (const output of bound.outputs) lastUse.set(output, Infinity);
  bound.nodes.forEach((node, index) => {
    const results = interpretNode(
      node,
      node.inputs.map((input) => (input === '' ? undefined : values.get(input))),
    );
    node.outputs.forEach((output, place) => {
      const value = results[place] as Tensor;
      values.set(output, value);
      options.onValue?.(output, value, node);
    });
    for (const input of node.inputs) if (lastUse.get(input) === index) values.delete(input);
  });
  return Object.fromEntries(bound.outputs.map((name) => [name, values.get(name) as Tensor]));
}
