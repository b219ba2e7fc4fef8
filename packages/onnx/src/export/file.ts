/**
 * The bytes of a model, written once. Weights are hundreds of megabytes, so the messages around them are encoded
 * piece by piece and every tensor is copied exactly once, into the file. Pieces of one protobuf message may simply
 * follow each other.
 */
import { UnsupportedError, type Tensor } from '@decouple/tensor';
import {
  encodeGraph,
  encodeModel,
  encodeTensor,
  fieldHeader,
  fields,
  type GraphInit,
  type ModelInit,
} from '../proto.ts';
import { dataTypeOf, rawBytes } from '../tensors.ts';

/** Protobuf messages, and with them ONNX files, end here. */
const maxBytes = 2 ** 31 - 1;

const lengthOf = (parts: readonly Uint8Array[]): number =>
  parts.reduce((sum, part) => sum + part.length, 0);

function* initializerParts(name: string, value: Tensor): Generator<Uint8Array> {
  const raw = rawBytes(value);
  const start = encodeTensor({
    dims: value.shape.map(BigInt),
    dataType: dataTypeOf[value.dtype],
    name,
  });
  const rawHeader = fieldHeader(fields.tensor.rawData, raw.length);
  const length = start.length + rawHeader.length + raw.length;
  yield fieldHeader(fields.graph.initializer, length);
  yield start;
  yield rawHeader;
  yield raw;
}

/** A model in the order of its file. */
export interface FilePieces {
  /** Fields before the graph: versions, producer. */
  readonly head: ModelInit;
  /** Name and nodes of the graph. */
  readonly nodes: GraphInit;
  readonly constants: ReadonlyMap<string, Tensor>;
  /** Inputs, outputs and types of the graph. */
  readonly values: GraphInit;
  /** Fields after the graph: operator sets, metadata, functions. */
  readonly tail: ModelInit;
}

/**
 * Encodes a model.
 * @throws UnsupportedError when it is larger than 2 GiB.
 */
export function encodeFile(pieces: FilePieces): Uint8Array<ArrayBuffer> {
  const graphParts = [encodeGraph(pieces.nodes)];
  for (const [name, value] of pieces.constants) graphParts.push(...initializerParts(name, value));
  graphParts.push(encodeGraph(pieces.values));
  const graphLength = lengthOf(graphParts);
  const head = encodeModel(pieces.head);
  const tail = encodeModel(pieces.tail);
  if (graphLength + head.length + tail.length > maxBytes - 16)
    throw new UnsupportedError(
      `the model has ${graphLength} bytes, an ONNX file ends at ${maxBytes}; external data are not supported`,
    );
  const parts = [head, fieldHeader(fields.model.graph, graphLength), ...graphParts, tail];
  const out = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
