/** Graph → file. Nodes, constants and metadata are written in their order: the same graph gives the same bytes. */
import { formatAttributes, formatTypeText, weightAxes, type Graph, type Node } from '@decouple/ir';
import {
  compact,
  OptionError,
  weightStorages,
  type Compact,
  type Tensor,
  type WeightStorage,
} from '@decouple/tensor';
import { Builder, type Offset } from 'flatbuffers';
import { Constant } from './generated/constant.ts';
import { Entry } from './generated/entry.ts';
import { Input } from './generated/input.ts';
import { Model } from './generated/model.ts';
import { Node as NodeTable } from './generated/node.ts';
import { aligned, storages, version } from './layout.ts';

export interface EncodeOptions {
  /**
   * How weights are stored: as float32 ('f32', the default), as float16 ('f16'), or as 8-bit integers with a step per
   * output channel ('i8'). They are float32 again when read.
   */
  readonly weights?: WeightStorage;
}

/** A constant as the file holds it. */
interface Stored {
  readonly name: string;
  readonly value: Tensor;
  readonly storage: number;
  readonly axis: number;
  /** Its data, in pieces that follow each other. */
  readonly parts: readonly Tensor['data'][];
  readonly bytes: number;
}

function partsOf(value: Tensor, small: Compact | undefined): Tensor['data'][] {
  if (!small) return [value.data];
  return small.storage === 'f16' ? [small.halves] : [small.steps, small.integers];
}

/** @throws OptionError when there is no such storage. */
function storeConstants(graph: Graph, { weights = 'f32' }: EncodeOptions): Stored[] {
  if (!weightStorages.includes(weights))
    throw new OptionError(`weights: ${weightStorages.join(', ')} expected, got ${weights}`);
  const axes = weightAxes(graph);
  return [...graph.constants].map(([name, value]) => {
    const weightAxis = axes.get(name);
    const small = weightAxis === undefined ? undefined : compact(value, weights, weightAxis);
    const parts = partsOf(value, small);
    const bytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const storage = storages[small?.storage ?? 'plain'];
    return { name, value, storage, axis: small?.storage === 'i8' ? small.axis : 0, parts, bytes };
  });
}

type MakeVector = (builder: Builder, offsets: Offset[]) => Offset;

const strings = (builder: Builder, values: readonly string[], make: MakeVector): Offset =>
  make(
    builder,
    values.map((value) => builder.createString(value)),
  );

function writeNode(builder: Builder, node: Node): Offset {
  return NodeTable.createNode(
    builder,
    builder.createString(node.name),
    builder.createString(node.op),
    strings(builder, node.inputs, (...to) => NodeTable.createInputsVector(...to)),
    strings(builder, node.outputs, (...to) => NodeTable.createOutputsVector(...to)),
    builder.createString(formatAttributes(node)),
    builder.createString(node.origin),
  );
}

/** Tables of constants, and bytes of all their data with the gaps between them. */
function writeConstants(
  builder: Builder,
  constants: readonly Stored[],
): { tables: Offset[]; dataBytes: number } {
  let dataBytes = 0;
  const tables = constants.map(({ name, value, storage, axis, bytes }) => {
    const table = Constant.createConstant(
      builder,
      builder.createString(name),
      builder.createString(formatTypeText(value)),
      BigInt(dataBytes),
      BigInt(bytes),
      storage,
      axis,
    );
    dataBytes += aligned(bytes);
    return table;
  });
  return { tables, dataBytes };
}

function writeModel(graph: Graph, constants: readonly Stored[]): Uint8Array {
  const builder = new Builder(65536);
  const { tables, dataBytes } = writeConstants(builder, constants);
  const inputs = graph.inputs.map(({ name, type }) =>
    Input.createInput(
      builder,
      builder.createString(name),
      builder.createString(formatTypeText(type)),
    ),
  );
  const nodes = graph.nodes.map((node) => writeNode(builder, node));
  const metadata = Object.entries(graph.metadata).map(([key, value]) =>
    Entry.createEntry(builder, builder.createString(key), builder.createString(value)),
  );
  const model = Model.createModel(
    builder,
    version,
    BigInt(dataBytes),
    builder.createString(graph.name),
    Model.createInputsVector(builder, inputs),
    strings(builder, graph.outputs, (...to) => Model.createOutputsVector(...to)),
    Model.createNodesVector(builder, nodes),
    Model.createConstantsVector(builder, tables),
    Model.createMetadataVector(builder, metadata),
  );
  Model.finishModelBuffer(builder, model);
  return builder.asUint8Array();
}

/** A file in pieces, which share memory with the tensors that are stored as they are. */
export function* dcplParts(graph: Graph, options: EncodeOptions = {}): Generator<Uint8Array> {
  const padding = (bytes: number): Uint8Array => new Uint8Array(aligned(bytes) - bytes);
  const constants = storeConstants(graph, options);
  const model = writeModel(graph, constants);
  yield model;
  yield padding(model.length);
  for (const { parts, bytes } of constants) {
    for (const data of parts) yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    yield padding(bytes);
  }
}

/** The bytes of a `.dcpl` file. @throws OptionError when weights can't be stored like that. */
export function encodeDcpl(graph: Graph, options: EncodeOptions = {}): Uint8Array<ArrayBuffer> {
  const parts = [...dcplParts(graph, options)];
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
