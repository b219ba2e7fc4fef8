/**
 * What of a model file has no place in a graph but must come back on export, for the sake of opaque nodes: versions
 * of custom operator sets, and functions. They travel as metadata, beside the model's own entries.
 */
import { ModelError } from '@decouple/tensor';
import {
  decodeFunctionsText,
  encodeFunctionsText,
  type ModelInit,
  type ModelProto,
} from './proto.ts';

/** Key of a node's own metadata: the layer of the first imported model that it came from. */
export const originKey = 'decouple.origin';

const domainKey = 'onnx.domain.';
const functionsKey = 'onnx.functions';

/** Metadata of an imported model; `opsets` are versions by domain, `''` being ONNX's own. */
export function metadataOf(
  model: ModelProto,
  opsets: ReadonlyMap<string, number>,
): Record<string, string> {
  const custom = [...opsets].filter(([domain]) => domain !== '');
  return Object.fromEntries([
    ...model.metadataProps.map(({ key, value }) => [key, value] as const),
    ...custom.map(([domain, version]) => [domainKey + domain, `${version}`] as const),
    ...(model.functions.length ? [[functionsKey, encodeFunctionsText(model)] as const] : []),
  ]);
}

/**
 * Operator sets, functions and entries of a model to export.
 * @throws ModelError when an entry that import made has been damaged.
 */
export function modelFields(
  metadata: Readonly<Record<string, string>>,
): Required<Pick<ModelInit, 'opsetImport' | 'functions' | 'metadataProps'>> {
  const fields = { opsetImport: [], functions: [], metadataProps: [] } as {
    opsetImport: { domain: string; version: bigint }[];
    functions: ModelProto['functions'];
    metadataProps: { key: string; value: string }[];
  };
  for (const [key, value] of Object.entries(metadata))
    if (key.startsWith(domainKey)) {
      if (!/^\d{1,9}$/.test(value))
        throw new ModelError(`metadata '${key}': '${value}' is not a version`);
      fields.opsetImport.push({ domain: key.slice(domainKey.length), version: BigInt(value) });
    } else if (key === functionsKey) fields.functions = decodeFunctionsText(value);
    else fields.metadataProps.push({ key, value });
  return fields;
}
