/** Removes channels that nobody needs: rows and columns of constants, entries of gathers, groups. */
import { applyPatch, makeNode, recordOf, usesOf, type Graph, type Node } from '@decouple/ir';
import { allocate, int64, sizeOf, tensor, type Tensor } from '@decouple/tensor';
import { leftOf, type ChannelClasses, type TiedChannels } from './classes.ts';
import { axisOf, indicesAt, relationOf } from './ties.ts';

/** The tensor with only some indices along an axis, in order. */
export function takeAlong(value: Tensor, axis: number, kept: readonly number[]): Tensor {
  const shape = value.shape.map((size, place) => (place === axis ? kept.length : size));
  const size = value.shape[axis] as number;
  const step = sizeOf(value.shape.slice(axis + 1));
  const out = allocate(value.dtype, sizeOf(shape)) as Float32Array;
  const from = value.data as Float32Array;
  let at = 0;
  for (let block = 0; block * step * size < from.length; block++)
    for (const index of kept) {
      const start = (block * size + index) * step;
      out.set(from.subarray(start, start + step), at);
      at += step;
    }
  return tensor(value.dtype, shape, out);
}

/** `base`, or `base.2`, … when it is taken. */
function freshName(taken: Set<string>, base: string): string {
  let name = base;
  for (let number = 2; taken.has(name); number++) name = `${base}.${number}`;
  taken.add(name);
  return name;
}

interface Work {
  readonly graph: Graph;
  readonly classes: ChannelClasses;
  readonly needed: Uint8Array;
  /** Names of values that lose channels, old to new. */
  readonly renamed: ReadonlyMap<string, string>;
  /** Names in use. */
  readonly taken: Set<string>;
}

/** Values that lose channels, with their new names: a value of another size is another value. */
function renameShrunk(
  graph: Graph,
  classes: ChannelClasses,
  needed: Uint8Array,
  taken: Set<string>,
): Map<string, string> {
  const made = graph.nodes.flatMap(({ outputs }) => outputs);
  const shrunk = made.filter((value) => classes.of(value)?.some((own) => !needed[own]));
  return new Map(
    shrunk.map((value) => [
      value,
      freshName(taken, `${value.replace(/\/kept(\.\d+)?$/, '')}/kept`),
    ]),
  );
}

/** Indices that stay along each axis of an input that is a constant. */
function keptIndices(
  ties: readonly TiedChannels[],
  input: number,
  needed: Uint8Array,
): Map<number, number[]> {
  const kept = new Map<number, number[]>();
  for (const { tie, classes } of ties)
    for (const place of tie.places) {
      if (!('input' in place) || place.input !== input) continue;
      const own = kept.get(axisOf(place)) ?? [];
      classes.forEach((channelClass, channel) => {
        if (channelClass < 0 || needed[channelClass]) own.push(...indicesAt(place, channel));
      });
      kept.set(axisOf(place), own);
    }
  return kept;
}

interface Rebuilt {
  readonly node: Node;
  readonly constants: readonly (readonly [string, Tensor])[];
}

function rebuildTied(work: Work, node: Node, ties: readonly TiedChannels[]): Rebuilt {
  const { graph, needed, renamed, taken } = work;
  const constants: [string, Tensor][] = [];
  const specs = recordOf(node.op).inputs;
  const inputs = node.inputs.map((input, place) => {
    const value = graph.constants.get(input);
    if (!value) return renamed.get(input) ?? input;
    let cut = value;
    for (const [axis, kept] of keptIndices(ties, place, needed))
      if (kept.length < (value.shape[axis] as number)) cut = takeAlong(cut, axis, kept);
    if (cut === value) return input;
    const role = specs[Math.min(place, specs.length - 1)]?.name ?? 'constant';
    const name = freshName(taken, `${node.name}/${role}`);
    constants.push([name, cut]);
    return name;
  });
  const relation = relationOf(graph, node);
  const counts = ties.map(({ classes }) => leftOf(classes, needed));
  const attrs = (relation && 'ties' in relation && relation.resize?.(counts)) || node.attrs;
  const outputs = node.outputs.map((output) => renamed.get(output) ?? output);
  return { node: { ...node, inputs, outputs, attrs } as Node, constants };
}

function rebuildChoice(work: Work, node: Node, picks: readonly number[]): Rebuilt {
  const { classes, needed, renamed, taken } = work;
  const [input, output] = [node.inputs[0] as string, node.outputs[0] as string];
  const places = new Map<number, number>();
  classes.of(input)?.forEach((channelClass, channel) => {
    if (needed[channelClass]) places.set(channel, places.size);
  });
  const left = picks.filter((_, place) => needed[classes.of(output)?.[place] as number]);
  const indices = freshName(taken, `${node.name}/indices`);
  const gather = makeNode(
    'gather',
    node.name,
    [renamed.get(input) ?? input, indices],
    { axis: 1 },
    { outputs: [renamed.get(output) ?? output], origin: node.origin },
  );
  const values = int64(left.map((pick) => places.get(pick) as number));
  return { node: gather, constants: [[indices, values]] };
}

/** The graph with only the needed channels, and how many channels of layers' outputs are gone. */
export function shrink(graph: Graph, classes: ChannelClasses, needed: Uint8Array): Graph {
  const uses = usesOf(graph);
  const taken = new Set([
    ...graph.constants.keys(),
    ...graph.inputs.map(({ name }) => name),
    ...uses.producer.keys(),
  ]);
  const renamed = renameShrunk(graph, classes, needed, taken);
  if (!renamed.size) return graph;
  const work: Work = { graph, classes, needed, renamed, taken };
  const rebuilt = graph.nodes
    .filter((node) => [...node.inputs, ...node.outputs].some((value) => renamed.has(value)))
    .map((node) => {
      const picks = classes.picksOf(node);
      return picks
        ? rebuildChoice(work, node, picks)
        : rebuildTied(work, node, classes.tiesOf(node) ?? []);
    });
  return applyPatch(graph, {
    remove: rebuilt.map(({ node }) => node.name),
    add: rebuilt.map(({ node }) => node),
    constants: rebuilt.flatMap(({ constants }) => constants),
  });
}
