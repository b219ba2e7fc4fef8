/**
 * Lists of sizes as ONNX takes them. Symbols and what follows from them are computed when the model runs, from the
 * shapes of the inputs that bind them.
 */
import { evaluateDim, type Dim, type Graph } from '@decouple/ir';
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

/** Writes the nodes that compute a size; gives a list of one number. */
function writeSize(writer: Writer, dim: string, role: string): string {
  let count = 0;
  const step = (op: string, a: string, b: string): string =>
    writer.step(`${role}.${count++}`, op, [a, b]);
  const number = (value: number): string => writer.integers(`${role}.${count++}`, [value]);
  const symbol = (name: string): string => {
    const { input, axis } = binding(writer.graph, name);
    const shape = writer.step(`${role}.shape${count++}`, 'Shape', [input]);
    const index = writer.integers(`${role}.axis${count++}`, [axis]);
    return writer.step(`${role}.${count++}`, 'Gather', [shape, index], { axis: 0 });
  };
  const bound = writer.graph.inputs.some(({ type }) => type.shape.includes(dim));
  const size = bound
    ? symbol(dim)
    : evaluateDim<string>(dim, {
        number,
        symbol,
        add: (a, b) => step('Add', a, b),
        subtract: (a, b) => step('Sub', a, b),
        multiply: (a, b) => step('Mul', a, b),
        divide: (a, divisor, round) =>
          step('Div', round === 'ceil' ? step('Add', a, number(divisor - 1)) : a, number(divisor)),
      });
  if (size === undefined) throw new UnsupportedError(`the size '${dim}' can't be computed`);
  return size;
}

/** The name of an int64 list that holds the sizes. */
export function writeSizes(writer: Writer, role: string, sizes: readonly Dim[]): string {
  if (sizes.every((dim) => typeof dim === 'number')) return writer.integers(role, sizes);
  const parts = sizes.map((dim, place) =>
    typeof dim === 'number'
      ? writer.integers(`${role}${place}`, [dim])
      : writeSize(writer, dim, `${role}${place}`),
  );
  return writer.step(role, 'Concat', parts, { axis: 0 });
}
