/**
 * ONNX import. Every node in file order becomes nodes of the graph (importers.ts), or stays `opaque` with a reason.
 * On the way, nodes of constants are evaluated by the reference interpreter, and small integer tensors are followed
 * symbolically (contents.ts), so that targets of Reshape, Slice, Pad and Expand are known although the batch is not.
 * Files are hostile until proven otherwise: sizes are checked before allocation, everything malformed is a ModelError.
 * Control flow stays opaque. Not handled: sparse tensors, strings (UnsupportedError). External data need files (node.ts).
 */
import {
  createGraph,
  nonFiniteConstants,
  verify,
  withoutDeadNodes,
  type Graph,
  type Node,
  type Problem,
} from '@decouple/ir';
import { invariant, ModelError, UnsupportedError, type Tensor } from '@decouple/tensor';
import { metadataOf } from '../metadata.ts';
import { createNode, decodeModel, type ModelProto, type NodeProto } from '../proto.ts';
import { capturedBy, hasSubgraphs } from '../subgraphs.ts';
import { within } from '../within.ts';
import { readAttributes } from './attributes.ts';
import { createCall, type Collected } from './call.ts';
import { domainOf, newestOpset, opsetsOf, widenedValues } from './header.ts';
import { importers } from './importers.ts';
import { opaqueNode, originOf } from './opaque.ts';
import { place, placeAll } from './place.ts';
import { collectInto, throwFirst, type Report } from './problems.ts';
import { createState, nodeNames, type ImportState } from './state.ts';

export interface ImportOptions {
  /** Name of the graph. Default: the one in the file. */
  readonly name?: string;
  /** Name of the file, for messages. */
  readonly file?: string;
  /** Values of inputs that stay the same for every run: they become constants. */
  readonly fixed?: Readonly<Record<string, Tensor>>;
  /**
   * Elements that nodes of constant inputs may make while they are folded. By default 2²² and four for each weight
   * of the file: enough for what exporters write, and a small file can't ask for much memory.
   */
  readonly folding?: number;
  /**
   * Whether the file's bytes may be changed and kept: large weights then stay in them instead of being copied, which
   * saves time and memory. Default false.
   */
  readonly bytesAreOurs?: boolean;
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
  if (hasSubgraphs(proto))
    return 'control flow is not supported; export the model without loops and conditions to run it';
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
  for (const input of [...proto.input, ...capturedBy(proto)])
    if (input !== '' && !state.defined.has(input)) missing(state, input, name, proto.opType);
  const opset = state.opsets.get(domainOf(proto.domain)) ?? 1;
  const lowered = lower(state, proto, name, opset);
  const refusal = typeof lowered === 'string' ? lowered : placeAll(state, lowered);
  if (refusal !== undefined) {
    state.refusals.set(name, refusal);
    place(state, opaqueNode(proto, name, opset, state));
  }
}

/** Defines values that were reported instead of being read, so that nothing else is told of them. */
function substituteValues(state: ImportState, names: readonly string[]): void {
  for (const name of names)
    if (!state.defined.has(name))
      substitute(state, createNode({ opType: 'Undefined', output: [name] }), state.fresh(name));
}

/** Reports an undefined value, and defines it as the result of an opaque node: it is told once. */
function missing(state: ImportState, value: string, node: string, op: string): void {
  const message = `input '${value}' is not defined by anything before the node`;
  state.report(node, op, new ModelError(message));
  substituteValues(state, [value]);
}

/** An opaque node in place of what was reported already. */
function substitute(state: ImportState, proto: NodeProto, name: string): void {
  place(state, opaqueNode(proto, name, 1, state));
  for (const output of proto.output) state.defined.add(output);
}

function importNodes(state: ImportState): void {
  const names = nodeNames(state.proto);
  state.proto.node.forEach((node, index) => {
    if (!node.output.some(Boolean)) return;
    const name = names[index] as string;
    const before = state.nodes.length;
    try {
      importNode(state, node, name);
    } catch (error) {
      state.report(name, node.opType, error);
      state.nodes.length = before;
      const input = node.input.filter((value) => state.defined.has(value));
      substitute(state, { ...node, input }, name);
    }
    for (const output of node.output) if (output !== '') state.defined.add(output);
  });
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
  const opset = state.opsets.get('') ?? 1;
  if (opset > newestOpset)
    note(`operator set ${opset} is newer than this importer knows (${newestOpset})`, 'ai.onnx');
  for (const name of widenedValues(state.proto)) note('16-bit floats are widened to float32', name);
  for (const { tensorName } of state.proto.quantizationAnnotation)
    note('quantization annotations are ignored', tensorName);
  return [...groups].map(([message, names]) => ({ message, nodes: names, count: names.length }));
}

/** The graph, unless something was found wrong with it and reported. */
function finish(state: ImportState, model: ModelProto, name: string): Graph | undefined {
  const outputs = state.proto.output.map((output) => output.name);
  const nodes = withoutDeadNodes(state.nodes, outputs);
  const used = new Set([...outputs, ...nodes.flatMap((node) => node.inputs)]);
  const constants = new Map([...state.constants].filter(([constant]) => used.has(constant)));
  const metadata = metadataOf(model, state.opsets);
  const parts = { name, inputs: state.inputs, outputs, nodes, constants, metadata };
  const problems = verify(parts);
  for (const { node, op, message } of problems) state.report(node, op, new ModelError(message));
  for (const constant of nonFiniteConstants(parts))
    state.report(constant, 'weight', new ModelError('holds NaN or Infinity'));
  return problems.length ? undefined : createGraph(parts);
}

function importAll(
  model: ModelProto,
  options: ImportOptions,
  report: Report,
): { graph: Graph | undefined; state: ImportState } {
  if (!model.graph) throw new ModelError('no graph in the file: not an ONNX model?');
  const { fixed = {}, name = model.graph.name || 'model' } = options;
  const { input, initializer, sparseInitializer, output } = model.graph;
  const state = createState({
    proto: model.graph,
    opsets: opsetsOf(model),
    fixed,
    folding: options.folding,
    bytesAreOurs: options.bytesAreOurs ?? false,
    report,
  });
  const sparse = sparseInitializer.flatMap(({ values }) => (values ? [values] : []));
  substituteValues(
    state,
    [...input, ...initializer, ...sparse].map((value) => value.name),
  );
  importNodes(state);
  for (const value of output)
    if (!state.defined.has(value.name)) {
      report(value.name, 'output', new ModelError('no node defines this output'));
      substituteValues(state, [value.name]);
    }
  return { graph: finish(state, model, name), state };
}

const fileOf = ({ file, name }: ImportOptions): string => file ?? name ?? 'ONNX model';

/** Imports a decoded model; `importOnnx` says how. */
export function importModel(model: ModelProto, options: ImportOptions): Imported {
  try {
    const { graph, state } = importAll(model, options, throwFirst);
    invariant(graph, 'problems are thrown');
    return { graph, warnings: summarize(state, graph.nodes) };
  } catch (error) {
    throw within(fileOf(options), error);
  }
}

/**
 * Imports an ONNX model. Nodes and values keep their names; what has no counterpart becomes
 * an `opaque` node and is listed in the warnings.
 * @throws ModelError naming the file and node when the file is truncated, malformed or contradicts itself;
 * UnsupportedError when it is valid but uses what has no counterpart here, such as strings.
 */
export const importOnnx = (bytes: Uint8Array, options: ImportOptions = {}): Imported =>
  importModel(decodeModel(bytes, fileOf(options)), options);

/** What checking an ONNX model finds. */
export interface Checked {
  /** Absent when it can't be made; opaque nodes stand for what is broken. */
  readonly graph: Graph | undefined;
  readonly problems: readonly Problem[];
}

/** Checks a decoded model; `checkOnnx` says how. */
export function checkModel(model: ModelProto, options: ImportOptions): Checked {
  const problems: Problem[] = [];
  const report = collectInto(problems);
  try {
    const { graph, state } = importAll(model, options, report);
    for (const node of state.nodes)
      if (node.op === 'opaque' && state.refusals.has(node.name))
        problems.push({
          node: node.name,
          op: node.attrs.opType,
          message: `is kept as opaque: ${state.refusals.get(node.name)}`,
        });
    return { graph, problems };
  } catch (error) {
    report(fileOf(options), 'file', error);
    return { graph: undefined, problems };
  }
}

/** Everything wrong with an ONNX model at once, and every operator that is not understood; never stops at the first. */
export function checkOnnx(bytes: Uint8Array, options: ImportOptions = {}): Checked {
  const problems: Problem[] = [];
  try {
    return checkModel(decodeModel(bytes, fileOf(options)), options);
  } catch (error) {
    collectInto(problems)(fileOf(options), 'file', error);
    return { graph: undefined, problems };
  }
}
