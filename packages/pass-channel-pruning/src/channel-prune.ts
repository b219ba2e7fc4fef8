/**
 * Channel pruning: each convolution reads the input channels that matter, refitted so that from the input that the
 * changed network gives it, it makes the response of the original network; what nobody reads any more is removed at
 * the layers that make it. The trunk of a residual network keeps its channels, and blocks read it through an index
 * list; the last convolution of a block also repairs its shortcut.
 * He, Zhang, Sun: Channel Pruning for Accelerating Very Deep Neural Networks, arXiv 1707.06168. Backward elimination,
 * the lasso on moments and the budget over coupled costs are ours.
 * Not handled: linear layers keep all features of what they read, and so do the layers that make it.
 */
import {
  amountOf,
  decomposeLayers,
  statistics,
  type Choices,
  type NetworkCosts,
} from '@decouple/decomposition';
import { channelsOf, costOf, typeOf, type Graph } from '@decouple/ir';
import { definePass, type LayerRow } from '@decouple/pass-manager';
import { chooseWithinNetwork } from './choose.ts';
import { channelClasses } from './classes.ts';
import { checkTable, checkTarget, keptCounts, options } from './options.ts';
import { isPruned, prunedRole, pruning } from './plans.ts';
import { cleanUpStatistics, withoutUnusedChannels } from './remove-unused-channels.ts';
import { filterStrengths } from './strengths.ts';

/**
 * Rows of the report with the layers' final MACs: of those that were pruned or refitted, and of those that only lost
 * filters.
 */
function finalRows(rows: readonly LayerRow[], before: Graph, after: Graph): LayerRow[] {
  const rowOf = new Map(rows.map((row) => [row.layer, row]));
  const nodeOf = new Map(after.nodes.map((node) => [node.name, node]));
  return before.nodes.flatMap((node) => {
    const old = costOf(before, node).macs;
    const now = nodeOf.get(node.name) ?? nodeOf.get(`${node.name}/${prunedRole}`);
    const row = rowOf.get(node.name);
    if (!now || !old) return [];
    const macs = costOf(after, now).macs;
    const filters = channelsOf(typeOf(after, now.outputs[0] as string)) ?? 0;
    if (!row && macs === old) return [];
    const {
      error = '',
      channels = '',
      ...rest
    } = row ?? {
      layer: node.name,
      method: 'filters removed',
      'MACs before': old,
    };
    return [{ ...rest, 'MACs after': macs, channels, filters, error }];
  });
}

export const channelPrune = definePass({
  name: 'channel-prune',
  summary: 'Removes channels that matter least and refits the convolutions that read the others.',
  effect: 'approximate',
  options,
  statistics: { ...statistics, ...cleanUpStatistics },
  run: async (graph, given, context) => {
    checkTarget(given);
    const classes = channelClasses(graph);
    const strengths = filterStrengths(graph, classes);
    const decomposer = pruning({
      ...given,
      ...(given.keep === undefined ? {} : { counts: (layer) => keptCounts(given, layer) }),
      strengths: ({ conv }) => strengths(conv.inputs[0] as string),
    });
    const choose = (choices: readonly Choices[], { macs }: NetworkCosts) => {
      if (given.keep === undefined)
        return chooseWithinNetwork(choices, classes, amountOf(given.macs ?? '0.75x', macs));
      checkTable(
        given.keep,
        choices.map(({ layer }) => layer),
      );
      return choices.map(({ plans }) => plans.find(isPruned));
    };
    const rows: LayerRow[] = [];
    const pruned = await decomposeLayers(
      graph,
      { pass: 'channel-prune', decomposers: [decomposer], options: given, choose },
      { ...context, detail: (row) => void rows.push(row) },
    );
    const result = withoutUnusedChannels(pruned, context);
    for (const row of finalRows(rows, graph, result)) context.detail(row);
    return result;
  },
});
