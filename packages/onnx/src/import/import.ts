/**
 * ONNX import. Every node in file order becomes nodes of the graph (importers.ts), or stays `opaque` with a reason.
 * On the way, nodes of constants are evaluated by the reference interpreter, and small integer tensors are followed
 * symbolically (contents.ts), so that targets of Reshape, Slice, Pad and Expand are known although the batch is not.
 * Files are hostile until proven otherwise: sizes are checked before allocation, everything malformed is a ModelError.
 * Not handled: control flow with subgraphs, external data, sparse tensors (each gives a ModelError that says so).
 */
import {
  createGraph,
  formatProblem,
  nonFiniteConstants,
  verify,
  withoutDeadNodes,
  type Graph,
  type Node,
} from '@decouple/ir';
import { DecoupleError, ModelError, UnsupportedError, type Tensor } from '@decouple/tensor';
import { metadataOf } from '../metadata.ts';
import { decodeModel, type ModelProto, type NodeProto } from '../proto.ts';
import { readAttributes } from './attributes.ts';
import { createCall, type Collected } from './call.ts';
import { domainOf, opsetsOf, widenedValues } from './header.ts';
import { importers } from './importers.ts';
import { opaqueNode, originOf } from './opaque.ts';
import { place, placeAll } from './place.ts';
import { createState, nodeNames, type ImportState } from './state.ts';

export interface ImportOptions {
  /** Name of the graph. Default: the one in the file. */
  readonly name?: string;
  /** Name of the file, for messages. */
  readonly file?: string;
  /** Values of inputs that stay the same for every run: they become constants. */
  readonly fixed?: Readonly<Record<string, Tensor>>;
}

/** Something of the file that the graph does not hold, or holds without understanding it. */
export interface ImportWarning {
  readonly message: string;
  /** Names of the nodes or values it is about. */
  readonly nodes: readonly string[];
  readonly count: number;
}

export interface Imported {
  readonly graph: Graph;
  readonly warnings: readonly ImportWarning[];
}

/** Runs the importer of a node. @returns why the node must stay opaque, or what to add. */
function lower(
  state: ImportState,
  proto: NodeProto,
  name: string,
  opset: number,
): Collected | string {
  const importer = domainOf(proto.domain) === '' ? importers.get(proto.opType) : undefined;
  if (!importer) return 'unknown operator';
  const inputs = [...proto.input];
  while (inputs.at(-1) === '') inputs.pop();
  const attrs = readAttributes(proto, 'attributes');
  const { opType } = proto;
  // Files list masks and indices even where nothing reads them.
  const outputs = proto.output.map((output, at) => (at && !state.read.has(output) ? '' : output));
  const base = { opType, opset, name, origin: originOf(proto, name), inputs, outputs, attrs };
  try {
    // A hint about memory, of the first operator set.
    attrs.ignore('consumed_inputs');
    const { call, collected } = createCall(base, state);
    const refusal = importer(call);
    if (refusal) return refusal;
    const unread = attrs.unread();
    if (unread.length) return `attribute ${unread.join(', ')}`;
    return collected;
  } catch (error) {
    if (error instanceof UnsupportedError) return error.message;
    throw error;
  }
}

function importNode(state: ImportState, proto: NodeProto, name: string): void {
  if (proto.attribute.some((attribute) => attribute.g ?? attribute.graphs[0]))
    throw new ModelError(
      'control flow with subgraphs is not supported; export the model without loops and conditions',
    );
  const missing = proto.input.find((input) => input !== '' && !state.defined.has(input));
  if (missing !== undefined)
    throw new ModelError(`input '${missing}' is not defined by anything before the node`);
  const opset = state.opsets.get(domainOf(proto.domain)) ?? 1;
  const lowered = lower(state, proto, name, opset);
  const refusal = typeof lowered === 'string' ? lowered : placeAll(state, lowered);
  if (refusal !== undefined) {
    state.refusals.set(name, refusal);
    place(state, opaqueNode(proto, name, opset, state));
  }
  for (const output of proto.output) if (output !== '') state.defined.add(output);
}

function summarize(state: ImportState, nodes: readonly Node[]): ImportWarning[] {
  const groups = new Map<string, string[]>();
  const note = (message: string, node: string): void => {
    const group = groups.get(message);
    if (group) group.push(node);
    else groups.set(message, [node]);
  };
  for (const node of nodes)
    if (node.op === 'opaque')
      note(`${node.attrs.opType} is kept as opaque: ${state.refusals.get(node.name)}`, node.name);
  for (const name of widenedValues(state.proto)) note('16-bit floats are widened to float32', name);
  for (const { tensorName } of state.proto.quantizationAnnotation)
    note('quantization annotations are ignored', tensorName);
  return [...groups].map(([message, names]) => ({ message, nodes: names, count: names.length }));
}

function finish(state: ImportState, model: ModelProto, name: string): Imported {
  const outputs = state.proto.output.map((output) => output.name);
  const nodes = withoutDeadNodes(state.nodes, outputs);
  const used = new Set([...outputs, ...nodes.flatMap((node) => node.inputs)]);
  const constants = new Map([...state.constants].filter(([constant]) => used.has(constant)));
  const broken = nonFiniteConstants({ name, inputs: [], outputs, nodes, constants });
  if (broken.length)
    throw new ModelError(
      `weights hold NaN or Infinity: ${broken.slice(0, 5).join(', ')}${broken.length > 5 ? ', …' : ''}`,
    );
  const metadata = metadataOf(model, state.opsets);
  const graph = createGraph({ name, inputs: state.inputs, outputs, nodes, constants, metadata });
  const problems = verify(graph);
  if (problems.length) throw new ModelError(problems.slice(0, 5).map(formatProblem).join('; '));
  return { graph, warnings: summarize(state, nodes) };
}

/** An error of ours with the place it happened in before its message; others as they are. */
function within(place: string, error: unknown): unknown {
  if (!(error instanceof DecoupleError)) return error;
  const Kind = error instanceof UnsupportedError ? UnsupportedError : ModelError;
  return new Kind(`${place}: ${error.message}`, { cause: error });
}

function importModel(bytes: Uint8Array, file: string, options: ImportOptions): Imported {
  const model = decodeModel(bytes, file);
  if (!model.graph) throw new ModelError('no graph in the file: not an ONNX model?');
  const opsets = opsetsOf(model);
  const state = createState(model.graph, opsets, options.fixed ?? {});
  const names = nodeNames(model.graph);
  model.graph.node.forEach((node, index) => {
    if (!node.output.some(Boolean)) return;
    try {
      importNode(state, node, names[index] as string);
    } catch (error) {
      throw within(`${node.opType} '${names[index]}'`, error);
    }
  });
  return finish(state, model, options.name ?? (model.graph.name || 'model'));
}

/**
 * Imports an ONNX model. Nodes and values keep their names; what has no counterpart becomes
 * an `opaque` node and is listed in the warnings.
 * @throws ModelError naming the file and node when the file is truncated, malformed or contradicts itself;
 * UnsupportedError when it is valid but uses what has no counterpart here, such as strings.
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): Imported {
  const file = options.file ?? options.name ?? 'ONNX model';
  try {
    return importModel(bytes, file, options);
  } catch (error) {
    if (error instanceof DecoupleError && error.message.startsWith(`${file}: `)) throw error;
    throw within(file, error);
  }
}
