/**
 * Linear segments: convolutions one after the other with nothing but channel gathers in between, as decompositions
 * leave them. A segment has one dense convolution that does the same: kernel, stride, dilation and padding of each
 * axis lie on one of its convolutions, and only the last one has a bias, a residual or an activation.
 */
import {
  constantInput,
  isOp,
  producerOf,
  soleConsumerOf,
  typeOf,
  type Graph,
  type Node,
  type NodeOf,
  type Patch,
} from '@decouple/ir';
import { float32, isFloat32, numbersOf, type Tensor } from '@decouple/tensor';
import { collapseGroups, compose, expandGroups, selection, toRows, type Kernel } from './kernel.ts';

type Conv = NodeOf<'conv2d'> & Node;

/** One node of a segment. */
export interface Stage {
  readonly node: Node;
  readonly kernel: Kernel;
  /** Groups of a convolution; a gather of channels has no weights. */
  readonly groups: number | undefined;
}

export interface Segment {
  /** In order; the last one is a convolution. */
  readonly stages: readonly Stage[];
  readonly last: Conv;
}

const isBare = ({ inputs, attrs }: Conv): boolean => !inputs[2] && !inputs[3] && !attrs.activation;

function stageOf(graph: Graph, node: Node): Stage | undefined {
  if (isOp(node, 'conv2d')) {
    const weight = constantInput(graph, node, 1);
    if (!weight || !isFloat32(weight)) return undefined;
    const [outputs, perGroup, kh, kw] = weight.shape as [number, number, number, number];
    const { groups } = node.attrs;
    const kernel = expandGroups(weight.data, outputs, perGroup, [kh, kw], groups);
    return { node, kernel, groups };
  }
  if (!isOp(node, 'gather') || node.attrs.axis !== 1) return undefined;
  const indices = constantInput(graph, node, 1);
  const inputs = typeOf(graph, node.inputs[0] as string).shape[1];
  if (indices?.shape.length !== 1 || typeof inputs !== 'number') return undefined;
  const channels = numbersOf(indices).map((index) => (index < 0 ? index + inputs : index));
  return { node, kernel: selection(channels, inputs), groups: undefined };
}

/** Whether a stage has windows along an axis: more than one tap, steps or padding. */
function hasWindow({ node, kernel }: Stage, axis: 0 | 1): boolean {
  if (!isOp(node, 'conv2d')) return false;
  const { stride, pads } = node.attrs;
  return kernel.kernel[axis] > 1 || stride[axis] > 1 || pads[axis] !== 0 || pads[axis + 2] !== 0;
}

const windowsClash = (stages: readonly Stage[], stage: Stage): boolean =>
  ([0, 1] as const).some(
    (axis) => hasWindow(stage, axis) && stages.some((other) => hasWindow(other, axis)),
  );

/** The segment that ends with `last`; alone it is a segment too. `undefined` when its weight is not constant. */
export function segmentEndingAt(graph: Graph, last: Conv): Segment | undefined {
  const end = stageOf(graph, last);
  if (!end) return undefined;
  const stages = [end];
  for (let node: Node = last; ;) {
    const value = node.inputs[0] as string;
    const before = producerOf(graph, value);
    if (!before || soleConsumerOf(graph, value) !== node) break;
    if (isOp(before, 'conv2d') && !isBare(before)) break;
    const stage = stageOf(graph, before);
    if (!stage || windowsClash(stages, stage)) break;
    stages.unshift(stage);
    node = before;
  }
  // A gather in front selects inputs once and for all: it is part of the input.
  while (stages[0]?.groups === undefined) stages.shift();
  return { stages, last };
}

/** All segments of a network in topological order of their ends. Each convolution is in one of them. */
export function segmentsOf(graph: Graph): Segment[] {
  const taken = new Set<Node>();
  const found: Segment[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!isOp(node, 'conv2d') || taken.has(node)) continue;
    const segment = segmentEndingAt(graph, node);
    if (!segment) continue;
    for (const stage of segment.stages) taken.add(stage.node);
    found.push(segment);
  }
  return found.reverse();
}

/** The kernel of consecutive stages; `undefined` for none. */
export const composed = (stages: readonly Stage[]): Kernel | undefined =>
  stages.reduce<Kernel | undefined>(
    (earlier, { kernel }) => (earlier ? compose(kernel, earlier) : kernel),
    undefined,
  );

/** Stride, dilation and padding of each axis, from the stage that has a window there. */
function spatialAttrs({ stages }: Segment): Pick<Conv['attrs'], 'stride' | 'pads' | 'dilation'> {
  const axis = (index: 0 | 1) => {
    const node = stages.find((stage) => hasWindow(stage, index))?.node;
    return isOp(node, 'conv2d')
      ? {
          stride: node.attrs.stride[index],
          dilation: node.attrs.dilation[index],
          before: node.attrs.pads[index],
          after: node.attrs.pads[index + 2] as number,
        }
      : { stride: 1, dilation: 1, before: 0, after: 0 };
  };
  const [rows, columns] = [axis(0), axis(1)];
  return {
    stride: [rows.stride, columns.stride],
    dilation: [rows.dilation, columns.dilation],
    pads: [rows.before, columns.before, rows.after, columns.after],
  };
}

/** The patch that puts the dense equivalent convolution, of the same name as the last one, in a segment's place. */
export function densePatch(segment: Segment): Patch {
  const { stages, last } = segment;
  const kernel = composed(stages) as Kernel;
  const weight = `${last.name}/dense.weight`;
  const shape = [kernel.outputs, kernel.inputs, ...kernel.kernel];
  const node = {
    ...last,
    inputs: [(stages[0] as Stage).node.inputs[0] as string, weight, ...last.inputs.slice(2)],
    attrs: { ...last.attrs, ...spatialAttrs(segment), groups: 1 },
  };
  return {
    remove: stages.map((stage) => stage.node.name),
    add: [node],
    constants: [[weight, float32(shape, Float32Array.from(toRows(kernel)))]],
  };
}

/** The patch that gives a segment's convolutions new weights, and the last one a new bias. */
export function weightsPatch({ stages, last }: Segment, bias: Float32Array): Patch {
  const constants: [string, Tensor][] = [];
  const convs = stages.filter(({ groups }) => groups !== undefined);
  const add = convs.map(({ node, kernel, groups }) => {
    const weight = `${node.name}/refit.weight`;
    const data = collapseGroups(kernel, groups as number);
    const shape = [kernel.outputs, kernel.inputs / (groups as number), ...kernel.kernel];
    constants.push([weight, float32(shape, Float32Array.from(data))]);
    const [input, , , residual] = node.inputs as [string, string, string?, string?];
    if (node !== last) return { ...node, inputs: [input, weight] };
    const biasName = `${node.name}/refit.bias`;
    constants.push([biasName, float32([bias.length], bias)]);
    return { ...node, inputs: [input, weight, biasName, ...(residual ? [residual] : [])] };
  });
  return { remove: add.map(({ name }) => name), add: add, constants };
}
