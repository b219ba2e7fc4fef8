/**
 * Reshape targets. ONNX takes them as numbers: a symbol that the input has at the same place is 0 (copied), a single
 * other one is -1 (inferred). What remains is computed when the model runs, from the shape of the input that binds
 * the symbol.
 */
import type { Dim, Graph, NodeOf } from '@decouple/ir';
import { UnsupportedError } from '@decouple/tensor';
import type { Writer } from './writer.ts';

/** The input and axis that bind a symbol. */
function binding(graph: Graph, symbol: string): { input: string; axis: number } {
  for (const { name, type } of graph.inputs) {
    const axis = type.shape.indexOf(symbol);
    if (axis >= 0) return { input: name, axis };
  }
  throw new UnsupportedError(`no input binds the symbol '${symbol}' of the target`);
}

function computedTarget(writer: Writer, target: readonly Dim[]): string {
  const parts = target.map((dim, place) => {
    if (typeof dim === 'number') return writer.integers(`dim${place}`, [dim]);
    const { input, axis } = binding(writer.graph, dim);
    const shape = writer.step(`shape${place}`, 'Shape', [input]);
    const index = writer.integers(`axis${place}`, [axis]);
    return writer.step(`dim${place}`, 'Gather', [shape, index], { axis: 0 });
  });
  return writer.step('shape', 'Concat', parts, { axis: 0 });
}

export function writeReshape(node: NodeOf<'reshape'>, writer: Writer): void {
  const [x, output] = [node.inputs[0] as string, node.outputs[0] as string];
  const shape = writer.graph.types.get(x)?.shape;
  const target = node.attrs.shape.map((dim, axis) =>
    typeof dim === 'string' && dim === shape?.[axis] ? 0 : dim,
  );
  const open = target.filter((dim) => typeof dim === 'string');
  const one = open.length === 1 && !target.includes(-1);
  const numbers = target.map((dim) => (typeof dim === 'string' ? -1 : dim));
  const list =
    open.length === 0 || one ? writer.integers('shape', numbers) : computedTarget(writer, target);
  writer.write('Reshape', [x, list], output);
}
