/**
 * What a drawing of a network shows: one box for each node, with the activations, normalisations and other nodes that
 * merely follow it in the same box, and a link for each value that goes from one box to another. Constants are not drawn.
 */
import { costOf, formatCount, shorten, type Graph, type Node } from 'decouple';

/** Decides the colour; the text of a box says the same. */
export type BoxKind =
  | 'input'
  | 'output'
  | 'convolution'
  | 'depthwise'
  | 'pointwise'
  | 'linear'
  | 'pool'
  | 'unknown'
  | 'other';

export interface Box {
  /** Unique in the drawing. */
  readonly id: string;
  readonly kind: BoxKind;
  /** The layer of the imported model; absent for inputs and outputs. */
  readonly layer?: string;
  /** Lines of text, the first one the title. */
  readonly lines: readonly string[];
  /** Everything in words. */
  readonly description: string;
}

export interface Link {
  readonly from: string;
  readonly to: string;
}

export interface Diagram {
  readonly name: string;
  readonly boxes: readonly Box[];
  readonly links: readonly Link[];
}

const longestLine = 30;

const shapeOf = (graph: Graph, value: string): readonly (number | string)[] | undefined =>
  graph.types.get(value)?.shape;

const formatShape = (shape: readonly (number | string)[] | undefined): string =>
  shape?.join('×') ?? 'unknown shape';

/** Inputs that are neither constant nor absent. */
const dynamicInputs = (graph: Graph, node: Node): string[] =>
  node.inputs.filter((input) => input !== '' && !graph.constants.has(input));

/** `conv 3×3, 64 → 128`, and what it is for the colour. */
function titleOfConvolution(
  graph: Graph,
  node: Node & { readonly op: 'conv2d' },
): { title: string; kind: BoxKind } {
  const [outChannels, perGroup, rows, columns] = shapeOf(graph, node.inputs[1] ?? '') ?? [];
  const { groups, stride, dilation } = node.attrs;
  const channels = Number(perGroup) * groups;
  const pointwise = rows === 1 && columns === 1 && groups === 1;
  const depthwise = groups > 1 && perGroup === 1;
  const words = [
    pointwise ? 'pointwise' : `${depthwise ? 'depthwise' : 'conv'} ${rows}×${columns}`,
    depthwise && outChannels === channels ? `${channels}` : `${channels} → ${outChannels}`,
    ...(groups > 1 && !depthwise ? [`${groups} groups`] : []),
    ...(stride.some((step) => step > 1) ? [`stride ${[...new Set(stride)].join('×')}`] : []),
    ...(dilation.some((step) => step > 1) ? [`dilation ${[...new Set(dilation)].join('×')}`] : []),
  ];
  const kind = pointwise ? 'pointwise' : depthwise ? 'depthwise' : 'convolution';
  return { title: `${words[0]}, ${words.slice(1).join(', ')}`, kind };
}

function titleOf(graph: Graph, node: Node): { title: string; kind: BoxKind } {
  switch (node.op) {
    case 'conv2d':
      return titleOfConvolution(graph, node);
    case 'linear': {
      const [outputs, inputs] = shapeOf(graph, node.inputs[1] ?? '') ?? [];
      return { title: `linear, ${inputs} → ${outputs}`, kind: 'linear' };
    }
    case 'matmul':
      return { title: 'matmul', kind: 'linear' };
    case 'max-pool':
    case 'average-pool':
      return { title: `${node.op} ${node.attrs.kernel.join('×')}`, kind: 'pool' };
    case 'global-average-pool':
      return { title: node.op, kind: 'pool' };
    case 'opaque':
      return { title: `${node.attrs.opType} (not known)`, kind: 'unknown' };
    default:
      return { title: node.op, kind: 'other' };
  }
}

/** Activation that a node applies itself. */
function fusedActivation(node: Node): string[] {
  const { activation } = node.attrs as { readonly activation?: { readonly kind: string } | null };
  return activation ? [activation.kind] : [];
}

/** Whether a node merely follows the one that makes its input: one value in, one of the same shape out, no MACs. */
function follows(graph: Graph, node: Node): boolean {
  const [input, ...others] = dynamicInputs(graph, node);
  const [output, ...rest] = node.outputs;
  if (input === undefined || output === undefined || others.length || rest.length) return false;
  if (node.op === 'opaque' || node.op === 'max-pool' || node.op === 'average-pool') return false;
  const shape = shapeOf(graph, input);
  return (
    shape !== undefined &&
    shape.join() === shapeOf(graph, output)?.join() &&
    costOf(graph, node).macs === 0
  );
}

/** Nodes in groups that share a box, the node that leads first. */
function groupsOf(graph: Graph): Node[][] {
  const uses = new Map<string, number>();
  for (const value of [...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs])
    uses.set(value, (uses.get(value) ?? 0) + 1);
  const groups = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    const [input] = dynamicInputs(graph, node);
    const before = input === undefined ? undefined : groups.get(input);
    const joins = before && uses.get(input as string) === 1 && follows(graph, node);
    const group = joins ? before : [];
    group.push(node);
    for (const output of node.outputs) groups.set(output, group);
  }
  return [...new Set(groups.values())];
}

const nodeId = (group: readonly Node[]): string => `node:${group[0]?.name}`;

function boxOf(graph: Graph, group: readonly Node[]): Box {
  const [leader, ...followers] = group as [Node, ...Node[]];
  const { title, kind } = titleOf(graph, leader);
  const after = [
    ...fusedActivation(leader),
    ...followers.map((node) => titleOf(graph, node).title),
  ];
  const costs = group.map((node) => costOf(graph, node));
  const macs = costs.reduce((sum, cost) => sum + cost.macs, 0);
  const shape = formatShape(shapeOf(graph, group.at(-1)?.outputs[0] ?? ''));
  const result = `${shape}${macs > 0 ? `, ${formatCount(macs)} MACs` : ''}`;
  const lines = [title, leader.name, ...(after.length ? [`+ ${after.join(', ')}`] : []), result];
  return {
    id: nodeId(group),
    kind,
    layer: leader.origin,
    lines: lines.map((line) => shorten(line, longestLine)),
    description: lines.join('; '),
  };
}

function boxOfValue(graph: Graph, kind: 'input' | 'output', name: string): Box {
  const lines = [`${kind} ${name}`, formatShape(shapeOf(graph, name))];
  return {
    id: `${kind}:${name}`,
    kind,
    lines: lines.map((line) => shorten(line, longestLine)),
    description: lines.join('; '),
  };
}

/** The diagram of a network. */
export function diagramOf(graph: Graph): Diagram {
  const groups = groupsOf(graph);
  const makers = new Map(graph.inputs.map(({ name }) => [name, `input:${name}`]));
  for (const group of groups)
    for (const node of group) for (const output of node.outputs) makers.set(output, nodeId(group));
  const links = new Map<string, Link>();
  const connect = (value: string, to: string): void => {
    const from = makers.get(value);
    if (from !== undefined && from !== to) links.set(JSON.stringify([from, to]), { from, to });
  };
  for (const group of groups)
    for (const node of group) for (const input of node.inputs) connect(input, nodeId(group));
  for (const output of graph.outputs) connect(output, `output:${output}`);
  return {
    name: graph.name,
    boxes: [
      ...graph.inputs.map(({ name }) => boxOfValue(graph, 'input', name)),
      ...groups.map((group) => boxOf(graph, group)),
      ...[...new Set(graph.outputs)].map((name) => boxOfValue(graph, 'output', name)),
    ],
    links: [...links.values()],
  };
}
