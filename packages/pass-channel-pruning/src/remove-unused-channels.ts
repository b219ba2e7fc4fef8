/**
 * Removes channels that nobody reads, at the layers that make them and at all ops in between. Channels are unread when
 * all readers choose others (`gather`) or give them zero weights. Layers lose filters, normalizations entries, choices
 * are re-indexed and dropped where all is chosen. Stops at inputs and outputs of the network, at ops whose records
 * don't tell about channels, and at sums unless all operands agree.
 */
import { channelsOf, costOf, type Graph, type Node } from '@decouple/ir';
import { definePass, type PassContext } from '@decouple/pass-manager';
import { z } from 'zod';
import { channelClasses, type ChannelClasses } from './classes.ts';
import { simplifyGathers } from './gathers.ts';
import { shrink } from './shrink.ts';

const reasons = {
  output: 'channels that nobody reads stay: they are outputs of the network',
  input: 'channels that nobody reads stay: they are inputs of the network',
  op: "channels that nobody reads stay: an op that can't do without reads or makes them",
  reader: 'channels that it does not read are read by others',
} as const;

type Counter = 'channels' | 'gathers';

/** What the counters count. */
export const cleanUpStatistics: Readonly<Record<Counter, string>> = {
  channels: 'output channels removed from layers',
  gathers: 'choices of channels removed',
};

/** Channels of the results of all layers, that is of nodes that cost MACs. */
const layerChannels = (graph: Graph): number =>
  graph.nodes
    .filter((node) => costOf(graph, node).macs > 0)
    .reduce(
      (sum, { outputs }) => sum + (channelsOf(graph.types.get(outputs[0] as string)) ?? 0),
      0,
    );

/** Classes of the channels of its input that a node does not read. */
function unread(graph: Graph, classes: ChannelClasses, node: Node): number[] {
  const picks = classes.picksOf(node);
  const own = classes.of(node.inputs[0] as string) ?? new Int32Array(0);
  if (!picks) return [];
  const read = new Set(picks);
  return [...own].filter((_, channel) => !read.has(channel));
}

/** Says why choices of channels are still there. */
function explain(graph: Graph, classes: ChannelClasses, context: Pick<PassContext, 'note'>): void {
  for (const node of graph.nodes) {
    const [first] = unread(graph, classes, node);
    if (first !== undefined) context.note(node.name, reasons[classes.barrierOf(first) ?? 'reader']);
  }
}

/**
 * The graph without channels and choices that change nothing.
 * @param context counts and reasons.
 */
export function withoutUnusedChannels(
  graph: Graph,
  context: Pick<PassContext<Counter>, 'note' | 'count' | 'signal'>,
): Graph {
  let current = graph;
  for (;;) {
    context.signal.throwIfAborted();
    const simplified = simplifyGathers(current);
    const classes = channelClasses(simplified.graph);
    const next = shrink(simplified.graph, classes, classes.needed());
    context.count('gathers', simplified.removed);
    if (next === current) {
      explain(current, classes, context);
      return current;
    }
    context.count('channels', layerChannels(simplified.graph) - layerChannels(next));
    current = next;
  }
}

export const removeUnusedChannels = definePass({
  name: 'remove-unused-channels',
  summary: 'Removes channels that nobody reads, at the layers that make them.',
  effect: 'exact',
  options: z.strictObject({}),
  statistics: cleanUpStatistics,
  run: (graph, _options, context) => withoutUnusedChannels(graph, context),
});
