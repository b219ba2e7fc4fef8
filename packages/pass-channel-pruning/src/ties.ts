/** What the nodes of a graph say about their channels. */
import {
  recordOf,
  type ChannelPlace,
  type ChannelRelation,
  type ChannelTie,
  type Graph,
  type Node,
} from '@decouple/ir';
import type { Tensor } from '@decouple/tensor';

/** The relation between a node's channels; `undefined` where its record gives none or types are unknown. */
export function relationOf(graph: Graph, node: Node): ChannelRelation | undefined {
  const types = node.inputs.map((input) => (input === '' ? undefined : graph.types.get(input)));
  if (node.inputs.some((input, at) => input !== '' && !types[at])) return undefined;
  const outputs = node.outputs.map((output) => graph.types.get(output));
  if (!outputs.every((type) => type !== undefined)) return undefined;
  const constants = node.inputs.map((input) => graph.constants.get(input));
  return recordOf(node.op).channels?.(types, node.attrs, outputs, constants);
}

/** The value at a place of a node's tie. */
export const valueAt = (node: Node, place: ChannelPlace): string =>
  ('input' in place ? node.inputs[place.input] : node.outputs[place.output]) as string;

export const axisOf = (place: ChannelPlace): number => ('input' in place ? (place.axis ?? 1) : 1);

/** Indices that channel `channel` of a tie takes at a place. */
export const indicesAt = ({ first = 0, block = 1 }: ChannelPlace, channel: number): number[] =>
  Array.from({ length: block }, (_, offset) => first + channel * block + offset);

export const isSummed = ({ places }: ChannelTie): boolean =>
  !places.some((place) => 'output' in place);

/** Whether any weight of pair (a, b) along two axes of a tensor differs from zero, `[a, b]`; absent: all do. */
function nonZeroPairs(value: Tensor, a: number, b: number): Uint8Array | undefined {
  const { shape, data } = value;
  const strideOf = (axis: number): number =>
    shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const [rows, columns] = [shape[a] as number, shape[b] as number];
  const [rowStep, columnStep] = [strideOf(a), strideOf(b)];
  const pairs = new Uint8Array(rows * columns);
  let found = 0;
  for (let at = 0; at < data.length; at++) {
    if (Number(data[at]) === 0) continue;
    const pair =
      (Math.floor(at / rowStep) % rows) * columns + (Math.floor(at / columnStep) % columns);
    if (!pairs[pair]) found++;
    pairs[pair] = 1;
  }
  return found === pairs.length ? undefined : pairs;
}

/**
 * The constant that weighs a summed tie's channels, and the axes of channels and outputs in it.
 * @param rows the tie of the outputs.
 */
export function weightOf(
  graph: Graph,
  node: Node,
  summed: ChannelTie,
  rows: ChannelTie,
): { readonly weight: Tensor; readonly rowAxis: number; readonly columnAxis: number } | undefined {
  for (const place of summed.places) {
    const weight = 'input' in place && graph.constants.get(valueAt(node, place));
    const row = rows.places.find(
      (other) => 'input' in other && 'input' in place && other.input === place.input,
    );
    const plain = [place, row].every((one) => one && !one.first && (one.block ?? 1) === 1);
    if (weight && row && plain) return { weight, rowAxis: axisOf(row), columnAxis: axisOf(place) };
  }
  return undefined;
}

/** Which outputs read which channel of a summed tie, `[outputs, channels]`; absent: all of them read all. */
export function readPairs(
  graph: Graph,
  node: Node,
  summed: ChannelTie,
  rows: ChannelTie,
): Uint8Array | undefined {
  const found = weightOf(graph, node, summed, rows);
  return found && nonZeroPairs(found.weight, found.rowAxis, found.columnAxis);
}

/** Which channels of input 0 a node gives; `undefined` when it does more than choosing. */
export function picksOf(graph: Graph, node: Node): readonly number[] | undefined {
  const relation = relationOf(graph, node);
  return relation && 'picks' in relation ? relation.picks : undefined;
}
