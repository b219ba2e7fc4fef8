/**
 * External data: tensors whose elements lie in another file beside the model, told by `location`, `offset` and `length`
 * (ONNX, docs/ExternalData.md). What a model says of them is checked before anything is read. Reading itself needs
 * files and is in node/external-data.ts.
 */
import { bytesPerElement, ModelError } from '@decouple/tensor';
import {
  isExternal,
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from './proto.ts';
import { shapeOf, storedDType } from './tensors.ts';

/** A tensor of a model with the node or initializer that it belongs to. */
export interface PlacedTensor {
  readonly proto: TensorProto;
  readonly node: string;
  readonly op: string;
}

function* tensorsOfAttribute(attribute: AttributeProto): Generator<TensorProto> {
  if (attribute.t) yield attribute.t;
  yield* attribute.tensors;
  for (const graph of [...(attribute.g ? [attribute.g] : []), ...attribute.graphs])
    for (const { proto } of tensorsOf(graph, [])) yield proto;
}

function* tensorsOfNode(node: NodeProto, name: string): Generator<PlacedTensor> {
  for (const attribute of node.attribute)
    for (const proto of tensorsOfAttribute(attribute)) yield { proto, node: name, op: node.opType };
}

/** All tensors of a graph, those of attributes and subgraphs included. `names` are those of its nodes. */
export function* tensorsOf(graph: GraphProto, names: readonly string[]): Generator<PlacedTensor> {
  for (const proto of graph.initializer) yield { proto, node: proto.name, op: 'initializer' };
  for (const [index, node] of graph.node.entries())
    yield* tensorsOfNode(node, names[index] ?? node.name);
}

/** Where the bytes of a tensor are. */
export interface ExternalRange {
  /** Relative to the model's folder; does not leave it by name. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

function wholeNumber(text: string, what: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new ModelError(`external data: ${what} '${text}' is not a whole number`);
  return value;
}

function checkLocation(location: string): void {
  const parts = location.split(/[/\\]/);
  const isAbsolute = parts[0] === '' || /^[A-Za-z]:/.test(location);
  if (isAbsolute || parts.includes('..') || location.includes('\0'))
    throw new ModelError(
      `external data: location '${location}' must be a file in the model's folder`,
    );
}

/**
 * Where an external tensor's bytes are, or `undefined` when its element type has no counterpart.
 * @throws ModelError when the place is malformed, leaves the folder, or does not fit the tensor's dimensions.
 */
export function externalRange(proto: TensorProto): ExternalRange | undefined {
  const stored = storedDType(proto.dataType);
  if (!stored) return undefined;
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location');
  if (!location) throw new ModelError('external data: no location is given');
  checkLocation(location);
  const expected = shapeOf(proto).size * bytesPerElement(stored);
  const offset = wholeNumber(entries.get('offset') ?? '0', 'offset');
  const length = wholeNumber(entries.get('length') ?? `${expected}`, 'length');
  if (length !== expected)
    throw new ModelError(
      `external data: ${expected} bytes expected for [${proto.dims.join(',')}], length is ${length}`,
    );
  return { location, offset, length };
}

/** Tensors with external data. */
export const externalTensors = (graph: GraphProto, names: readonly string[]): PlacedTensor[] =>
  [...tensorsOf(graph, names)].filter(({ proto }) => isExternal(proto));
