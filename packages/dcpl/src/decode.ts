/**
 * File → graph. Constants are views of the file's bytes, unless they are stored in fewer. Nothing of the file is trusted: offsets and sizes are verified
 * before they are followed, then the graph as any other. Values of weights are not looked at.
 */
import {
  createGraph,
  formatProblem,
  parseAttributes,
  parseTypeText,
  staticShape,
  verify,
  type Graph,
  type GraphInput,
  type Node,
  type ValueType,
} from '@decouple/ir';
import {
  bytesPerElement,
  DecoupleError,
  float32,
  fromHalves,
  fromSteps,
  innerSize,
  ModelError,
  sizeOf,
  tensor,
  viewAs,
  type Tensor,
} from '@decouple/tensor';
import { ByteBuffer } from 'flatbuffers';
import type { Constant } from './generated/constant.ts';
import { Model } from './generated/model.ts';
import { alignment, storages, version } from './layout.ts';
import { Verifier, type Fields } from './verifier.ts';

const string = { kind: 'string' } as const;
const strings = { kind: 'strings' } as const;
const uint32 = { kind: 'scalar', bytes: 4 } as const;
const uint64 = { kind: 'scalar', bytes: 8 } as const;

/** The start of a model, the same in all versions. */
const head: Fields = { version: uint32, data_bytes: uint64 };

/** The tables of dcpl.fbs. */
const model: Fields = {
  ...head,
  name: string,
  inputs: { kind: 'tables', fields: { name: string, type: string } },
  outputs: strings,
  nodes: {
    kind: 'tables',
    fields: {
      name: string,
      op: string,
      inputs: strings,
      outputs: strings,
      attributes: string,
      origin: string,
    },
  },
  constants: {
    kind: 'tables',
    fields: {
      name: string,
      type: string,
      offset: uint64,
      bytes: uint64,
      storage: uint32,
      axis: uint32,
    },
  },
  metadata: { kind: 'tables', fields: { key: string, value: string } },
};

/** The part of a verified vector's accessors that is used. */
const listed = <T>(length: number, at: (index: number) => T | null): T[] =>
  Array.from({ length }, (_, index) => at(index) as T);

/** The verified model of a file, and where its data start. */
function openModel(bytes: Uint8Array<ArrayBuffer>): { root: Model; start: number } {
  const buffer = new ByteBuffer(bytes);
  if (bytes.length < 8 || !Model.bufferHasIdentifier(buffer))
    throw new ModelError("no identifier 'DCPL': not a .dcpl file");
  new Verifier(bytes, bytes.length).root(head, 'model');
  const root = Model.getRootAsModel(buffer);
  if (root.version() !== version)
    throw new ModelError(
      `version ${root.version()} of the format, this build reads ${version}; convert the original model again`,
    );
  const dataBytes = Number(root.dataBytes());
  const start = bytes.length - dataBytes;
  if (start < 8 || start % alignment !== 0)
    throw new ModelError(
      `data of ${dataBytes} bytes expected at a multiple of ${alignment} in a file of ${bytes.length}: truncated?`,
    );
  new Verifier(bytes, start).root(model, 'model');
  return { root, start };
}

/** How a constant lies in the data. */
interface Place {
  readonly type: ValueType;
  readonly shape: readonly number[];
  readonly storage: number;
  readonly axis: number;
  /** Of its data. */
  readonly bytes: number;
}

/** What the table of a constant says of its data. @throws ModelError when it contradicts itself. */
function placeOf(table: Constant, where: string): Place {
  const type = parseTypeText(table.type(), where);
  const shape = staticShape(type);
  const [storage, axis] = [table.storage(), table.axis()];
  if (!Object.values<number>(storages).includes(storage))
    throw new ModelError(`${where}: storage ${storage} is not known`);
  if (storage !== storages.plain && type.dtype !== 'float32')
    throw new ModelError(`${where}: storage ${storage} holds no ${table.type()}`);
  if (storage === storages.i8 ? axis >= type.shape.length : axis !== 0)
    throw new ModelError(`${where}: axis ${axis} of ${table.type()}`);
  const size = shape ? sizeOf(shape) : Number.NaN;
  const sizes: Readonly<Record<number, number>> = {
    [storages.plain]: size * bytesPerElement(type.dtype),
    [storages.f16]: 2 * size,
    [storages.i8]: 4 * (shape?.[axis] ?? 0) + size,
  };
  const bytes = Number(table.bytes());
  if (!shape || bytes !== sizes[storage])
    throw new ModelError(`${where}: ${table.type()} has not ${bytes} bytes`);
  return { type, shape, storage, axis, bytes };
}

/** A constant: a view of the data, or what they decode to. @throws ModelError for steps that are no sizes. */
function constantAt(
  data: Uint8Array<ArrayBuffer>,
  offset: number,
  { type, shape, storage, axis }: Place,
  where: string,
): Tensor {
  const start = data.byteOffset + offset;
  const size = sizeOf(shape);
  if (storage === storages.f16)
    return float32(shape, fromHalves(new Uint16Array(data.buffer, start, size)));
  if (storage !== storages.i8)
    return tensor(type.dtype, shape, viewAs(type.dtype, data.buffer, start, size));
  const steps = new Float32Array(data.buffer, start, shape[axis]);
  const channel = steps.findIndex((step) => !(step > 0 && step < Infinity));
  if (channel >= 0) throw new ModelError(`${where}: step ${steps[channel]} of channel ${channel}`);
  const integers = new Int8Array(data.buffer, start + steps.byteLength, size);
  return float32(shape, fromSteps({ steps, integers }, innerSize(shape, axis)));
}

function constantsOf(root: Model, data: Uint8Array<ArrayBuffer>): Map<string, Tensor> {
  const constants = new Map<string, Tensor>();
  let end = 0;
  for (const table of listed(root.constantsLength(), (index) => root.constants(index))) {
    const name = table.name();
    const where = `constant '${name}'`;
    if (constants.has(name)) throw new ModelError(`${where} is defined twice`);
    const place = placeOf(table, where);
    const { bytes } = place;
    const offset = Number(table.offset());
    if (offset % alignment !== 0 || offset + bytes > data.length)
      throw new ModelError(
        `${where}: bytes ${offset} to ${offset + bytes} of ${data.length}, from a multiple of ${alignment}`,
      );
    if (offset < end) throw new ModelError(`${where}: its data overlap those before`);
    end = offset + bytes;
    constants.set(name, constantAt(data, offset, place, where));
  }
  return constants;
}

function metadataOf(root: Model): Record<string, string> {
  const entries = listed(root.metadataLength(), (index) => root.metadata(index));
  return Object.fromEntries(entries.map((entry) => [entry.key(), entry.value()]));
}

const inputsOf = (root: Model): GraphInput[] =>
  listed(root.inputsLength(), (index) => root.inputs(index)).map((input) => {
    const name = input.name();
    return { name, type: parseTypeText(input.type(), `input '${name}'`) };
  });

const nodesOf = (root: Model): Node[] =>
  listed(root.nodesLength(), (index) => root.nodes(index)).map((node) => {
    const name = node.name();
    return {
      name,
      inputs: listed(node.inputsLength(), (index) => node.inputs(index)),
      outputs: listed(node.outputsLength(), (index) => node.outputs(index)),
      origin: node.origin(),
      ...parseAttributes(node.op(), node.attributes(), `node '${name}'`),
    } as Node;
  });

function decode(bytes: Uint8Array<ArrayBuffer>): Graph {
  const { root, start } = openModel(bytes);
  const parts = {
    name: root.name(),
    inputs: inputsOf(root),
    outputs: listed(root.outputsLength(), (index) => root.outputs(index)),
    nodes: nodesOf(root),
    constants: constantsOf(root, bytes.subarray(start)),
    metadata: metadataOf(root),
  };
  const problems = verify(parts);
  if (problems.length) throw new ModelError(problems.slice(0, 5).map(formatProblem).join('; '));
  return createGraph(parts);
}

/**
 * Reads the bytes of a `.dcpl` file. Constants share their memory where they lie at a multiple of 8 in their buffer;
 * else all are copied once.
 * @param file what errors call it.
 * @throws ModelError naming the file and the place in it when it is truncated, malformed or contradicts itself.
 */
export function decodeDcpl(bytes: Uint8Array, file = 'dcpl file'): Graph {
  const shareable = bytes.buffer instanceof ArrayBuffer && bytes.byteOffset % 8 === 0;
  try {
    return decode(shareable ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes));
  } catch (error) {
    if (!(error instanceof DecoupleError)) throw error;
    throw new ModelError(`${file}: ${error.message}`, { cause: error });
  }
}
