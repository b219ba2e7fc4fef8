/**
 * Pairs of convolutions that run in strips: some rows of the first, then the rows of the second that these suffice
 * for, and so on. What lies between them is still in the cache when it is read. Nothing else changes: the kernels are
 * the same, and the value between is stored whole.
 *
 * It pays where one of the two is depthwise (few multiply-adds per byte) and the value between is larger than a
 * second-level cache.
 */
import type { Graph, NodeOf } from '@decouple/ir';
import type { Tensor } from '@decouple/tensor';
import type { KernelChoices } from './choice.ts';
import type { Call } from './kernel.ts';
import { splitOf } from './kernels/conv-gemm.ts';
import { geometryOf, type ConvGeometry } from './kernels/conv-shape.ts';

/** Values between that are smaller stay in the cache anyway. */
const leastBytes = 1 << 20;
/** Of the value between, a strip takes about this much. */
const stripBytes = 256 << 10;

export interface Region {
  /** Index of the first node; the second comes right after it. */
  readonly first: number;
  readonly rowBytes: number;
}

interface Member {
  readonly node: NodeOf<'conv2d'>;
  readonly geometry: ConvGeometry;
  readonly depthwise: boolean;
}

/** Regions by the index of their first node; none share a node. */
export function regionsOf(
  graph: Graph,
  known: ReadonlyMap<string, Tensor>,
  choices: KernelChoices,
): Map<number, Region> {
  const members = graph.nodes.map((node): Member | undefined => {
    const geometry = geometryOf(graph, node, known);
    const kernel = choices.get(node.name);
    if (node.op !== 'conv2d' || geometry?.batch !== 1) return undefined;
    const depthwise = kernel === 'depthwise';
    const byRows = depthwise || (kernel === 'gemm' && splitOf(geometry) === 'rows');
    return byRows ? { node, geometry, depthwise } : undefined;
  });
  const pairs = members.flatMap((member, index) => {
    const next = members[index + 1];
    if (!member || !next || next.node.inputs[0] !== member.node.outputs[0]) return [];
    if (!member.depthwise && !next.depthwise) return [];
    const { outRows, outColumns, outChannels, groups } = member.geometry;
    const rowBytes = 4 * outColumns * outChannels * groups;
    return rowBytes * outRows >= leastBytes ? [{ first: index, rowBytes, outRows }] : [];
  });
  const regions = new Map<number, Region>();
  pairs.sort((a, b) => b.rowBytes * b.outRows - a.rowBytes * a.outRows);
  for (const { first, rowBytes } of pairs)
    if (![first - 1, first, first + 1].some((index) => regions.has(index)))
      regions.set(first, { first, rowBytes });
  return regions;
}

/** The step of each node, from 1 on: members of a region share one, so that no memory is taken over within it. */
export const stepsOf = (graph: Graph, regions: ReadonlyMap<number, Region>): number[] =>
  graph.nodes.map((_, index) => (regions.has(index - 1) ? index : index + 1));

/** The calls of both members, strip by strip; each member is one call whose range counts rows. */
export function interleave(
  { rowBytes }: Region,
  [first, second]: readonly [Call, Call],
  { attrs }: NodeOf<'conv2d'>,
  { kernelRows, threads }: { readonly kernelRows: number; readonly threads: number },
): Call[] {
  const [rows, outRows] = [first, second].map(({ range }) => range?.[1] ?? 0) as [number, number];
  const strip = threads * Math.max(1, Math.floor(stripBytes / rowBytes));
  const neededFor = (end: number): number =>
    (end - 1) * attrs.stride[0] + (kernelRows - 1) * attrs.dilation[0] + 1 - attrs.pads[0];
  const calls: Call[] = [];
  let ready = 0;
  for (let from = 0; from < outRows; from += strip) {
    const to = Math.min(from + strip, outRows);
    const needed = Math.min(rows, neededFor(to));
    if (needed > ready) calls.push({ ...first, range: [ready, needed] });
    ready = Math.max(ready, needed);
    calls.push({ ...second, range: [from, to] });
  }
  if (ready < rows) calls.push({ ...first, range: [ready, rows] });
  return calls;
}
