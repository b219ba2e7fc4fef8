/**
 * The bytes of a model. Weights are hundreds of megabytes, so the messages around them are encoded piece by piece and
 * tensors are written as they are. Pieces of one protobuf message may simply follow each other.
 */
import { UnsupportedError, type Tensor } from '@decouple/tensor';
import {
  DataType,
  encodeGraph,
  encodeModel,
  encodeTensor,
  externalFields,
  fieldHeader,
  fields,
  type GraphInit,
  type ModelInit,
} from '../proto.ts';
import { dataTypeOf, rawBytes } from '../tensors.ts';

/** Protobuf messages, and with them ONNX files, end here. */
export const maxBytes = 2 ** 31 - 1;
/** Data start at pages of a file, so that others may map them into memory. */
const pageBytes = 4096;

const lengthOf = (parts: readonly Uint8Array[]): number =>
  parts.reduce((sum, part) => sum + part.length, 0);

/** Which tensors lie in another file, called `location` by the model: those of at least `threshold` bytes. */
export interface External {
  readonly location: string;
  readonly threshold: number;
}

/** A file of weights in pieces. */
class DataFile {
  readonly parts: Uint8Array[] = [];
  private length = 0;

  /** @returns the offset of the bytes. */
  add(bytes: Uint8Array): number {
    const gap = (pageBytes - (this.length % pageBytes)) % pageBytes;
    if (gap) this.parts.push(new Uint8Array(gap));
    const offset = this.length + gap;
    this.parts.push(bytes);
    this.length = offset + bytes.length;
    return offset;
  }
}

function* initializerParts(
  name: string,
  value: Tensor,
  dataType: number,
  external: External | undefined,
  data: DataFile,
): Generator<Uint8Array> {
  const raw = rawBytes(value);
  const fieldsOf = { dims: value.shape.map(BigInt), dataType, name };
  if (external && raw.length > 0 && raw.length >= external.threshold) {
    const place = externalFields(external.location, data.add(raw), raw.length);
    const whole = encodeTensor({ ...fieldsOf, ...place });
    yield fieldHeader(fields.graph.initializer, whole.length);
    yield whole;
    return;
  }
  const start = encodeTensor(fieldsOf);
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
  /** Names of constants that hold the bits of float16 numbers. */
  readonly halves: ReadonlySet<string>;
  /** Inputs, outputs and types of the graph. */
  readonly values: GraphInit;
  /** Fields after the graph: operator sets, metadata, functions. */
  readonly tail: ModelInit;
}

/** Files in pieces that share memory with the tensors. */
export interface FileParts {
  readonly model: readonly Uint8Array[];
  /** Empty unless tensors are external. */
  readonly data: readonly Uint8Array[];
}

/**
 * Encodes a model.
 * @throws UnsupportedError when it is larger than 2 GiB.
 */
export function encodeFile(pieces: FilePieces, external?: External): FileParts {
  const data = new DataFile();
  const graphParts = [encodeGraph(pieces.nodes)];
  for (const [name, value] of pieces.constants) {
    const dataType = pieces.halves.has(name) ? DataType.FLOAT16 : dataTypeOf[value.dtype];
    graphParts.push(...initializerParts(name, value, dataType, external, data));
  }
  graphParts.push(encodeGraph(pieces.values));
  const graphLength = lengthOf(graphParts);
  const head = encodeModel(pieces.head);
  const tail = encodeModel(pieces.tail);
  if (graphLength + head.length + tail.length > maxBytes - 16)
    throw new UnsupportedError(
      `the model has ${graphLength} bytes, an ONNX file ends at ${maxBytes}; write it with external data`,
    );
  const model = [head, fieldHeader(fields.model.graph, graphLength), ...graphParts, tail];
  return { model, data: data.parts };
}

/** Pieces as one array. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
