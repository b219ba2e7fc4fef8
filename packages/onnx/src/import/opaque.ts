/** Nodes that keep their ONNX form: what no importer understands. */
import { makeNode, type Node, type ValueType } from '@decouple/ir';
import { createNode, encodeNodeText, type NodeProto } from '../proto.ts';
import { domainOf } from './header.ts';

/** What opaque nodes need of the import. */
export interface OpaqueContext {
  readonly declared: ReadonlyMap<string, ValueType>;
  readonly symbols: ReadonlySet<string>;
  fresh(wanted: string): string;
}

/**
 * An opaque node. Its payload is the node without names, which the graph holds and passes may change; outputs that
 * the file leaves out get a name.
 */
export function opaqueNode(
  proto: NodeProto,
  name: string,
  opset: number,
  { declared, symbols, fresh }: OpaqueContext,
): Node {
  const outputs = proto.output.map((output, index) => output || fresh(`${name}/unused${index}`));
  const { opType, attribute, overload, docString } = proto;
  const domain = domainOf(proto.domain);
  return makeNode(
    'opaque',
    name,
    proto.input,
    {
      domain,
      opType,
      opset,
      payload: encodeNodeText(createNode({ opType, domain, overload, attribute, docString })),
      outputTypes: outputs.map((output) => {
        const type = declared.get(output);
        // A symbol of its own would clash with the sizes that inference finds on other paths.
        const bound = type?.shape.every((dim) => typeof dim === 'number' || symbols.has(dim));
        return type && bound ? { dtype: type.dtype, shape: [...type.shape] } : null;
      }),
    },
    { outputs },
  );
}
