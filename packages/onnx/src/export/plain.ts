/** Exporters of ops that ONNX has in the same form. */
import type { NodeOf, OpKind } from '@decouple/ir';
import { needsElements } from './opsets.ts';
import type { Writer } from './writer.ts';

export type Exporter<K extends OpKind> = (node: NodeOf<K>, writer: Writer) => void;

export const outputOf = (node: { readonly outputs: readonly string[] }): string =>
  node.outputs[0] as string;

/** A node of the same inputs and no attributes; input `typed` decides on the element type. */
export const plain =
  (opType: string, typed = 0): Exporter<OpKind> =>
  (node, writer) => {
    needsElements(writer, opType, typed);
    writer.write(opType, node.inputs, outputOf(node));
  };

/** The rank of the node's first input. */
export const rankOf = (writer: Writer): number | undefined =>
  writer.graph.types.get(writer.node.inputs[0] ?? '')?.shape.length;

/** An axis as the operator set can write it: negative ones came with 11. */
export function axisFor(writer: Writer, axis: number): number {
  const rank = rankOf(writer);
  return axis < 0 && writer.opset < 11 && rank !== undefined ? axis + rank : axis;
}

/** An op whose list became an input in operator set `since`. */
export function withList(
  writer: Writer,
  opType: string,
  list: { readonly name: string; readonly values: readonly number[]; readonly since: number },
  attrs: Record<string, number> = {},
): void {
  const { inputs, outputs } = writer.node;
  if (writer.opset < list.since)
    return writer.write(opType, inputs, outputs[0] as string, {
      [list.name]: list.values,
      ...attrs,
    });
  const input = writer.integers(list.name, list.values);
  writer.write(opType, [...inputs, input], outputs[0] as string, attrs);
}
