/** Nodes that keep their ONNX form: what no importer understands. */
import { makeNode, type Node, type ValueType } from '@decouple/ir';
import { originKey } from '../metadata.ts';
import { createNode, encodeNodeText, type NodeProto } from '../proto.ts';
import { capturedBy } from '../subgraphs.ts';
import { domainOf } from './header.ts';

/** The layer of the first imported model that a node came from, if an export recorded it. */
export const originOf = (proto: NodeProto, name: string): string =>
  proto.metadataProps.find(({ key }) => key === originKey)?.value ?? name;

/** What opaque nodes need of the import. */
export interface OpaqueContext {
  readonly declared: ReadonlyMap<string, ValueType>;
  readonly symbols: ReadonlySet<string>;
  readonly fresh: (wanted: string) => string;
}

/**
 * An opaque node. Its payload is the node without names, which the graph holds and passes may change; outputs that
 * the file leaves out get a name. Values that subgraphs read are its last inputs; the payload has the names they know.
 */
export function opaqueNode(
  proto: NodeProto,
  name: string,
  opset: number,
  { declared, symbols, fresh }: OpaqueContext,
): Node {
  const outputs = proto.output.map((output, index) => output || fresh(`${name}/unused${index}`));
  const { opType, attribute, overload } = proto;
  const domain = domainOf(proto.domain);
  const captured = capturedBy(proto);
  return makeNode(
    'opaque',
    name,
    [...proto.input, ...captured],
    {
      domain,
      opType,
      opset,
      payload: encodeNodeText(
        createNode({
          opType,
          attribute,
          input: captured,
          ...(domain && { domain }),
          ...(overload && { overload }),
        }),
      ),
      outputTypes: outputs.map((output) => {
        const type = declared.get(output);
        // A symbol of its own would clash with the sizes that inference finds on other paths.
        const bound = type?.shape.every((dim) => typeof dim === 'number' || symbols.has(dim));
        return type && bound ? { dtype: type.dtype, shape: [...type.shape] } : null;
      }),
    },
    { outputs, origin: originOf(proto, name) },
  );
}
