/** Graph → file. Nodes, constants and metadata are written in their order: the same graph gives the same bytes. */
import { formatAttributes, formatTypeText, type Graph, type Node } from '@decouple/ir';
import type { Tensor } from '@decouple/tensor';
import { Builder, type Offset } from 'flatbuffers';
import { Constant } from './generated/constant.ts';
import { Entry } from './generated/entry.ts';
import { Input } from './generated/input.ts';
import { Model } from './generated/model.ts';
import { Node as NodeTable } from './generated/node.ts';
import { aligned, version } from './layout.ts';

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
  constants: ReadonlyMap<string, Tensor>,
): { tables: Offset[]; dataBytes: number } {
  let dataBytes = 0;
  const tables = [...constants].map(([name, value]) => {
    const table = Constant.createConstant(
      builder,
      builder.createString(name),
      builder.createString(formatTypeText(value)),
      BigInt(dataBytes),
      BigInt(value.data.byteLength),
    );
    dataBytes += aligned(value.data.byteLength);
    return table;
  });
  return { tables, dataBytes };
}

function writeModel(graph: Graph): Uint8Array {
  const builder = new Builder(65536);
  const { tables, dataBytes } = writeConstants(builder, graph.constants);
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

/** A file in pieces, which share memory with the tensors. */
export function* dcplParts(graph: Graph): Generator<Uint8Array> {
  const padding = (bytes: number): Uint8Array => new Uint8Array(aligned(bytes) - bytes);
  const model = writeModel(graph);
  yield model;
  yield padding(model.length);
  for (const { data } of graph.constants.values()) {
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    yield padding(data.byteLength);
  }
}

/** The bytes of a `.dcpl` file. */
export function encodeDcpl(graph: Graph): Uint8Array<ArrayBuffer> {
  const parts = [...dcplParts(graph)];
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
