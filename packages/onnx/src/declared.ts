/** What single files of ONNX declare, without importing a graph: for tools that test and list. */
import type { Tensor } from '@decouple/tensor';
import { domainOf } from './import/header.ts';
import { dataTypeName, decodeModel, decodeTensor as decodeProto } from './proto.ts';
import { importTensor } from './tensors.ts';

export interface DeclaredTensor {
  readonly name: string;
  /** Element type as ONNX calls it, such as `FLOAT16`; `value` holds 16-bit floats widened to float32. */
  readonly elementType: string;
  readonly value: Tensor;
}

/**
 * Decodes a file that holds one tensor (`.pb`), as ONNX's own tests keep inputs and outputs.
 * @throws ModelError naming `file` when it is malformed; UnsupportedError when the element type has no counterpart.
 */
export function decodeTensor(bytes: Uint8Array, file: string): DeclaredTensor {
  const proto = decodeProto(bytes, file);
  return {
    name: proto.name,
    elementType: dataTypeName(proto.dataType),
    value: importTensor(proto, file),
  };
}

/**
 * The distinct operators of a model's graph in order of appearance, those of other domains as `domain.Name`.
 * @throws ModelError naming `file` when the bytes are not an ONNX model.
 */
export function operatorsOf(bytes: Uint8Array, file: string): string[] {
  const nodes = decodeModel(bytes, file).graph?.node ?? [];
  const names = nodes.map(({ domain, opType }) => [domainOf(domain), opType]);
  return [...new Set(names.map((parts) => parts.filter(Boolean).join('.')))];
}
