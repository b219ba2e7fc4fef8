/** How strong the filters are that make a channel: sums of absolute weights over all layers that add to it. */
import type { Graph } from '@decouple/ir';
import { isFloat32, sizeOf } from '@decouple/tensor';
import type { ChannelClasses } from './classes.ts';
import { isSummed, weightOf } from './ties.ts';

/** The strengths of a value's channels; `undefined` where no layer makes them. */
export function filterStrengths(
  graph: Graph,
  classes: ChannelClasses,
): (value: string) => Float64Array | undefined {
  const strengths = new Map<number, number>();
  for (const node of graph.nodes) {
    const ties = classes.tiesOf(node) ?? [];
    const summed = ties.find(({ tie }) => isSummed(tie));
    const rows = ties.find(({ tie }) => !isSummed(tie));
    const found = summed && rows && weightOf(graph, node, summed.tie, rows.tie);
    if (!found || !isFloat32(found.weight)) continue;
    const { weight, rowAxis } = found;
    const step = sizeOf(weight.shape.slice(rowAxis + 1));
    weight.data.forEach((value, at) => {
      const row = Math.floor(at / step) % (weight.shape[rowAxis] as number);
      const own = rows.classes[row] as number;
      strengths.set(own, (strengths.get(own) ?? 0) + Math.abs(value));
    });
  }
  return (value) => {
    const own = classes.of(value);
    if (!own?.some((channelClass) => strengths.has(channelClass))) return undefined;
    return Float64Array.from(own, (channelClass) => strengths.get(channelClass) ?? 0);
  };
}
