/**
 * Channels that can only be removed together. Op records tie channels of values (`OpRecord.channels`); tied channels
 * form classes, and a class must stay when something needs it: an output of the network, an op that can't do without,
 * or a layer that sums over it with weights other than zero and whose own outputs are needed.
 */
import { channelsOf, costOf, type ChannelTie, type Graph, type Node } from '@decouple/ir';
import { spreadNeed, type Choice, type Reads, type Sum } from './need.ts';
import { axisOf, indicesAt, isSummed, readPairs, relationOf, valueAt } from './ties.ts';
import { unionFind, type UnionFind } from './union-find.ts';

/** What keeps a class whatever layers read. */
export type Barrier = 'output' | 'input' | 'op';

/** Channels of one tie of a node. */
export interface TiedChannels {
  readonly tie: ChannelTie;
  /** Class of each channel; -1 where only constants are tied. */
  readonly classes: Int32Array;
}

export interface ChannelClasses {
  /** Class of every channel of a computed value; absent when its channels are not known. */
  of(value: string): Int32Array | undefined;
  /** The ties of a node; absent when its op tells none. */
  tiesOf(node: Node): readonly TiedChannels[] | undefined;
  /** Which channels of input 0 a node gives; absent when it does more than choosing. */
  picksOf(node: Node): readonly number[] | undefined;
  barrierOf(channelClass: number): Barrier | undefined;
  /** Whether each class is needed. @param reads for layers that read only some of their channels. */
  needed(reads?: Reads): Uint8Array;
  /** MACs of the network, per image, when layers read only some channels and what nobody needs is gone. */
  macs(reads?: Reads): number;
}

/** Channels by number while classes are being formed. */
interface Forming {
  readonly graph: Graph;
  /** Number of the first channel of each computed value. */
  readonly firsts: ReadonlyMap<string, number>;
  readonly sets: UnionFind;
  readonly barriers: Map<number, Barrier>;
  readonly ties: Map<Node, readonly TiedChannels[]>;
  readonly picks: Map<Node, readonly number[]>;
}

function numberChannels(graph: Graph): { firsts: ReadonlyMap<string, number>; total: number } {
  const firsts = new Map<string, number>();
  let total = 0;
  const made = graph.nodes.flatMap(({ outputs }) => outputs);
  for (const value of [...graph.inputs.map(({ name }) => name), ...made]) {
    const count = channelsOf(graph.types.get(value));
    if (count === undefined) continue;
    firsts.set(value, total);
    total += count;
  }
  return { firsts, total };
}

/** Numbers of all channels of a value; none when they are not known. */
function channelsIn({ graph, firsts }: Forming, value: string): Int32Array {
  const first = firsts.get(value);
  const length = first === undefined ? 0 : (channelsOf(graph.types.get(value)) as number);
  return Int32Array.from({ length }, (_, channel) => (first as number) + channel);
}

/** Keeps all channels of a value. */
function bar(forming: Forming, value: string, barrier: Barrier): void {
  for (const channel of channelsIn(forming, value))
    if (!forming.barriers.has(channel)) forming.barriers.set(channel, barrier);
}

/** Values of a node that none of its ties accounts for. */
function untied(node: Node, ties: readonly ChannelTie[]): string[] {
  const seen = new Set(
    ties.flatMap(({ places }) =>
      places.filter((place) => axisOf(place) === 1).map((place) => valueAt(node, place)),
    ),
  );
  return [...node.inputs, ...node.outputs].filter((value) => !seen.has(value));
}

/** Unites a tie's channels over its computed values; those that lie elsewhere than along axis 1 must stay. */
function unite({ graph, firsts, sets, barriers }: Forming, node: Node, tie: ChannelTie) {
  const classes = new Int32Array(tie.count).fill(-1);
  let movable = true;
  for (const place of tie.places) {
    const value = valueAt(node, place);
    if (graph.constants.has(value)) continue;
    const first = firsts.get(value);
    if (first === undefined || axisOf(place) !== 1) {
      movable = false;
      continue;
    }
    for (let channel = 0; channel < tie.count; channel++)
      for (const index of indicesAt(place, channel)) {
        if (classes[channel] === -1) classes[channel] = first + index;
        else sets.unite(classes[channel] as number, first + index);
      }
  }
  if (!movable) for (const member of classes) if (member >= 0) barriers.set(member, 'op');
  return { tie, classes };
}

function formClasses(graph: Graph): { forming: Forming; total: number } {
  const { firsts, total } = numberChannels(graph);
  const forming: Forming = {
    graph,
    firsts,
    sets: unionFind(total),
    barriers: new Map(),
    ties: new Map(),
    picks: new Map(),
  };
  for (const output of graph.outputs) bar(forming, output, 'output');
  for (const { name } of graph.inputs) bar(forming, name, 'input');
  for (const node of graph.nodes) {
    const relation = relationOf(graph, node);
    if (relation && 'picks' in relation) {
      forming.picks.set(node, relation.picks);
      continue;
    }
    const ties = relation?.ties ?? [];
    for (const value of untied(node, ties)) bar(forming, value, 'op');
    if (!relation) continue;
    forming.ties.set(
      node,
      ties.map((tie) => unite(forming, node, tie)),
    );
  }
  return { forming, total };
}

function sumsOf(graph: Graph, ties: ReadonlyMap<Node, readonly TiedChannels[]>): Sum[] {
  return [...ties]
    .flatMap(([node, own]) => {
      const rows = own.find(({ tie }) => !isSummed(tie));
      return own
        .filter(({ tie }) => isSummed(tie))
        .map(({ tie, classes }) => ({
          node: node.name,
          inputs: classes,
          // Without rows of its own the sum is always needed.
          outputs: rows?.classes ?? new Int32Array([-1]),
          pairs: rows && readPairs(graph, node, tie, rows.tie),
        }));
    })
    .reverse();
}

/** How many channels of a tie are left. */
export function leftOf(classes: Int32Array, needed: Uint8Array): number {
  let left = 0;
  for (const channelClass of classes) if (channelClass < 0 || needed[channelClass]) left++;
  return left;
}

/** Analyses a graph once; `needed` and `macs` can then be asked many times. */
export function channelClasses(graph: Graph): ChannelClasses {
  const { forming, total } = formClasses(graph);
  const { sets, picks } = forming;
  const settle = (members: Int32Array): Int32Array =>
    members.map((member) => (member < 0 ? -1 : sets.find(member)));
  const classesOf = new Map(
    [...forming.firsts.keys()].map((value) => [value, settle(channelsIn(forming, value))]),
  );
  const ties = new Map(
    [...forming.ties].map(([node, own]) => [
      node,
      own.map(({ tie, classes }) => ({ tie, classes: settle(classes) })),
    ]),
  );
  const barriers = new Map(
    [...forming.barriers].map(([member, barrier]) => [sets.find(member), barrier]),
  );
  const sums = sumsOf(graph, ties);
  const choices: Choice[] = [...picks]
    .map(([node, own]) => ({
      inputs: classesOf.get(node.inputs[0] as string) as Int32Array,
      outputs: classesOf.get(node.outputs[0] as string) as Int32Array,
      picks: own,
    }))
    .reverse();
  const priced = graph.nodes
    .map((node) => ({ name: node.name, macs: costOf(graph, node).macs, own: ties.get(node) ?? [] }))
    .filter(({ macs }) => macs > 0);
  const neededWith = (reads?: Reads): Uint8Array => {
    const needed = new Uint8Array(total);
    for (const channelClass of barriers.keys()) needed[channelClass] = 1;
    spreadNeed(needed, sums, choices, reads);
    // A value can't be without any channel.
    for (const classes of classesOf.values()) {
      if (!classes.length || leftOf(classes, needed)) continue;
      needed[classes[0] as number] = 1;
      spreadNeed(needed, sums, choices, reads);
    }
    return needed;
  };
  return {
    of: (value) => classesOf.get(value),
    tiesOf: (node) => ties.get(node),
    picksOf: (node) => picks.get(node),
    barrierOf: (channelClass) => barriers.get(channelClass),
    needed: neededWith,
    macs: (reads) => {
      const needed = neededWith(reads);
      return priced.reduce((sum, { name, macs, own }) => {
        // A layer pays for the channels that it reads itself, even where others need more.
        const read = reads?.get(name);
        const left = ({ tie, classes }: TiedChannels) =>
          read && isSummed(tie) ? read.length : leftOf(classes, needed);
        return sum + own.reduce((rest, tied) => (rest * left(tied)) / tied.tie.count, macs);
      }, 0);
    },
  };
}
