/**
 * How much work it may take to compute in advance what a network does with its constants: a small file must not ask
 * for hours, however its nodes are chained.
 */
import type { Tensor } from '@decouple/tensor';
import { recordOf, type Node } from './node.ts';
import { elementsOf, type ValueType } from './types.ts';

const base = 2 ** 22;
const perElement = 16;

/** Work that folding may do in a network with these constants, in units of {@link foldingWork}. */
export const foldingAllowance = (constants: Iterable<Tensor>): number =>
  [...constants].reduce((sum, { data }) => sum + perElement * data.length, base);

/** What computing a node takes: elements read and made, and multiply-accumulates. Sizes must be known. */
export function foldingWork(
  node: Node,
  inputs: readonly (ValueType | undefined)[],
  outputs: readonly ValueType[],
): number {
  const macs = recordOf(node.op).macs?.(inputs, node.attrs, outputs) ?? 0;
  return [...inputs, ...outputs].reduce((sum, type) => sum + (type ? elementsOf(type) : 0), macs);
}
