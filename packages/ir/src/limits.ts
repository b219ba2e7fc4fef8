/**
 * Limits that keep a hostile or mistaken network from exhausting the machine. A few bytes of a file can ask for any
 * amount of memory, so sizes are added up before anything is allocated.
 */
import { bytesPerElement, UnsupportedError } from '@decouple/tensor';
import type { GraphParts } from './graph.ts';
import type { Node } from './node.ts';
import { elementsOf, formatType, type ValueType } from './types.ts';

/** Bytes of values alive at one time beyond which a network is not run. */
export const maxRunBytes = 8 * 2 ** 30;
/** Dimensions beyond which a shape is taken for a mistake: ONNX Runtime and NumPy stop earlier. */
const maxRank = 64;
/** Texts of symbolic sizes double when values are joined to themselves; past this length they are refused. */
export const maxDimText = 10_000;

/** Bytes of a value; symbolic dimensions count as 1. */
export const bytesOf = (type: ValueType | undefined): number =>
  type ? elementsOf(type) * bytesPerElement(type.dtype) : 0;

/** What makes a type impossible, or `undefined`. */
export function typeProblem({ shape }: ValueType): string | undefined {
  if (shape.length > maxRank) return `has ${shape.length} dimensions, more than ${maxRank}`;
  let elements = 1;
  for (const dim of shape) {
    if (typeof dim === 'string') {
      if (dim === '') return 'has a symbol without a name as dimension';
      if (dim.length > maxDimText)
        return `has a symbolic size of more than ${maxDimText} characters`;
      continue;
    }
    if (!Number.isSafeInteger(dim) || dim < 0) return `has a dimension of ${dim}, which is no size`;
    // A zero further on doesn't help: strides are products of all the others.
    elements *= Math.max(dim, 1);
    if (!Number.isSafeInteger(elements))
      return `would be [${shape.join(',')}], more elements than can be counted`;
  }
  return undefined;
}

const readable = (bytes: number): string =>
  bytes >= 2 ** 30
    ? `${(bytes / 2 ** 30).toPrecision(3)} GiB`
    : `${(bytes / 2 ** 20).toPrecision(3)} MiB`;

/**
 * The largest sum of bytes that are alive at one node when values are dropped after their last use; constants and
 * values of unknown type are not counted.
 */
export function peakBytes(
  graph: GraphParts & { readonly types: ReadonlyMap<string, ValueType> },
): number {
  const lastUse = new Map<string, Node>();
  for (const node of graph.nodes) for (const input of node.inputs) lastUse.set(input, node);
  for (const output of graph.outputs) lastUse.delete(output);
  const sizeOfValue = (name: string): number =>
    graph.constants.has(name) ? 0 : bytesOf(graph.types.get(name));
  let alive = graph.inputs.reduce((sum, { name }) => sum + sizeOfValue(name), 0);
  let peak = alive;
  for (const node of graph.nodes) {
    for (const output of node.outputs) alive += sizeOfValue(output);
    peak = Math.max(peak, alive);
    for (const input of new Set(node.inputs))
      if (lastUse.get(input) === node) alive -= sizeOfValue(input);
  }
  return peak;
}

/** @throws UnsupportedError when running a graph, with all symbols bound, would take more than `limit` bytes. */
export function requireMemory(
  graph: GraphParts & { readonly types: ReadonlyMap<string, ValueType> },
  limit = maxRunBytes,
): void {
  const peak = peakBytes(graph);
  if (peak > limit)
    throw new UnsupportedError(
      `running '${graph.name}' takes ${readable(peak)} for its values, at most ${readable(limit)} are allowed; use a smaller batch or smaller inputs`,
    );
}

/** @throws UnsupportedError when results of these types, `null` being unknown, take more than `limit` bytes. */
export function requireSmall(types: readonly (ValueType | null)[], limit = maxRunBytes): void {
  for (const type of types)
    if (type && bytesOf(type) > limit)
      throw new UnsupportedError(
        `the result ${formatType(type)} takes ${readable(bytesOf(type))}, at most ${readable(limit)} are allowed`,
      );
}
