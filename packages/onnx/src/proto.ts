/**
 * The only file that knows the protobuf library: ONNX messages as plain objects, decoded from and encoded to bytes.
 * `onnx-buf` holds the schema, generated from `onnx.proto`. Raw tensor data of a decoded model are views of the file.
 */
import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { base64Decode, base64Encode, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { messageOf, ModelError } from '@decouple/tensor';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from 'onnx-buf';

export type { AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto };

/** Codes of attribute and element types; protobuf's fields hold any number. */
type Codes<Enum> = { readonly [Name in Extract<keyof Enum, string>]: number };
export const AttributeType: Codes<typeof AttributeProto_AttributeType> =
  AttributeProto_AttributeType;
export const DataType: Codes<typeof TensorProto_DataType> = TensorProto_DataType;
export const attributeTypeName = (type: number): string =>
  AttributeProto_AttributeType[type] ?? `type ${type}`;
export const dataTypeName = (type: number): string => TensorProto_DataType[type] ?? `type ${type}`;

type Init<Schema extends Parameters<typeof create>[0]> = MessageInitShape<Schema>;
export type ModelInit = Init<typeof ModelProtoSchema>;
export type GraphInit = Init<typeof GraphProtoSchema>;
export type TensorInit = Init<typeof TensorProtoSchema>;
export type AttributeInit = Init<typeof AttributeProtoSchema>;
export type ValueInfoInit = Init<typeof ValueInfoProtoSchema>;

export const createAttribute = (init: AttributeInit): AttributeProto =>
  create(AttributeProtoSchema, init);
export const createTensor = (init: TensorInit): TensorProto => create(TensorProtoSchema, init);
export const createNode = (init: Init<typeof NodeProtoSchema>): NodeProto =>
  create(NodeProtoSchema, init);
export const createGraphProto = (init: GraphInit): GraphProto => create(GraphProtoSchema, init);
export const createValueInfo = (init: ValueInfoInit): ValueInfoProto =>
  create(ValueInfoProtoSchema, init);

/**
 * Decodes a model file.
 * @throws ModelError naming `file` when the bytes are not an ONNX model.
 */
export function decodeModel(bytes: Uint8Array, file: string): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new ModelError(`${file}: not an ONNX model, or truncated: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Decodes a file that holds one tensor.
 * @throws ModelError naming `file` when the bytes are not a tensor.
 */
export function decodeTensor(bytes: Uint8Array, file: string): TensorProto {
  try {
    return fromBinary(TensorProtoSchema, bytes);
  } catch (error) {
    throw new ModelError(`${file}: not an ONNX tensor: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * A node from its base64 text.
 * @throws ModelError when the text is not an encoded node.
 */
export function decodeNode(payload: string): NodeProto {
  try {
    return fromBinary(NodeProtoSchema, base64Decode(payload));
  } catch (error) {
    throw new ModelError(`the payload is not an ONNX node: ${messageOf(error)}`, { cause: error });
  }
}

export const encodeNodeText = (node: NodeProto): string =>
  base64Encode(toBinary(NodeProtoSchema, node));

export const encodeModel = (init: ModelInit): Uint8Array =>
  toBinary(ModelProtoSchema, create(ModelProtoSchema, init));
export const encodeGraph = (init: GraphInit): Uint8Array =>
  toBinary(GraphProtoSchema, create(GraphProtoSchema, init));
export const encodeTensor = (init: TensorInit): Uint8Array =>
  toBinary(TensorProtoSchema, create(TensorProtoSchema, init));

/** Numbers of the length-delimited fields that the streaming writer writes by hand. */
export const fields = {
  model: { graph: ModelProtoSchema.field.graph.number },
  graph: { initializer: GraphProtoSchema.field.initializer.number },
  tensor: { rawData: TensorProtoSchema.field.rawData.number },
};

/** Tag and length of a length-delimited field whose bytes follow. */
export const fieldHeader = (field: number, length: number): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();

/** Whether a tensor's data lie in another file. */
export const isExternal = (tensor: TensorProto): boolean =>
  tensor.dataLocation === TensorProto_DataLocation.EXTERNAL;

/** Puts data into a tensor that had them in another file. */
export function storeData(tensor: TensorProto, data: Uint8Array<ArrayBuffer>): void {
  tensor.rawData = data;
  tensor.dataLocation = TensorProto_DataLocation.DEFAULT;
  tensor.externalData = [];
}

/** The fields of a tensor whose data lie in another file. */
export const externalFields = (
  location: string,
  offset: number,
  length: number,
): Pick<TensorProto, 'dataLocation'> & { externalData: { key: string; value: string }[] } => ({
  dataLocation: TensorProto_DataLocation.EXTERNAL,
  externalData: Object.entries({ location, offset, length }).map(([key, value]) => ({
    key,
    value: `${value}`,
  })),
});

/** The functions that a model defines, as text. */
export const encodeFunctionsText = (model: ModelProto): string =>
  base64Encode(encodeModel({ functions: model.functions }));

/** @throws ModelError when the text is not an encoded list of functions. */
export function decodeFunctionsText(text: string): ModelProto['functions'] {
  try {
    return decodeModel(base64Decode(text), 'functions').functions;
  } catch (error) {
    throw new ModelError(`the model's functions can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
