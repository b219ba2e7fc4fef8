/**
 * ONNX export: every node in its ONNX form, constants as raw initializers, symbolic dimensions as `dim_param`. The same
 * graph gives the same bytes, and importing them gives the same graph.
 */
import { type Dim, type Graph, type Node, type ValueType } from '@decouple/ir';
import {
  DecoupleError,
  OptionError,
  UnsupportedError,
  weightStorages,
  type WeightStorage,
} from '@decouple/tensor';
import { newestOpset } from '../import/header.ts';
import { modelFields } from '../metadata.ts';
import { createValueInfo, type ValueInfoProto } from '../proto.ts';
import { dataTypeOf } from '../tensors.ts';
import { exporters } from './exporters.ts';
import { encodeFile, joined, type External, type FileParts } from './file.ts';
import { OpsetError } from './opsets.ts';
import type { Exporter } from './plain.ts';
import { compactWeights, type CompactWritten } from './weights.ts';
import { createWriter, nameSource, type Written } from './writer.ts';

export interface ExportOptions {
  /** Operator set, 7 to 25. Default: that of the opaque nodes; without any 13, or the newer one that an op needs. */
  readonly opset?: number;
  /** Default `decouple`. */
  readonly producer?: string;
  /**
   * How weights are stored: as float32 ('f32', the default), or smaller with a node before each that makes float32
   * of it: 'f16' as float16, 'i8' as 8-bit integers with a scale per output channel (operator set 13).
   */
  readonly weights?: WeightStorage;
}

const opsets = { oldest: 7, newest: newestOpset };

/** Operator set that the opaque nodes were written for: they can't be translated to another. */
function opaqueOpset(graph: Graph): number | undefined {
  const found = graph.nodes.find((node) => node.op === 'opaque' && node.attrs.domain === '');
  return found?.op === 'opaque' ? found.attrs.opset : undefined;
}

function opsetOf(graph: Graph, wanted: number | undefined): number {
  const opaque = opaqueOpset(graph);
  if (wanted === undefined && opaque !== undefined && opaque < opsets.oldest)
    throw new UnsupportedError(
      `opaque nodes of operator set ${opaque} can't be exported, the oldest is ${opsets.oldest}`,
    );
  if (wanted === undefined)
    return opaque ?? (graph.nodes.some((node) => node.op === 'hard-swish') ? 14 : 13);
  if (!Number.isInteger(wanted) || wanted < opsets.oldest || wanted > opsets.newest)
    throw new OptionError(
      `opset: whole number from ${opsets.oldest} to ${opsets.newest} expected, got ${wanted}`,
    );
  return wanted;
}

/** IR versions with the operator set that each came with (ONNX, docs/Versioning.md). */
const irVersions = [
  [25, 13],
  [24, 12],
  [23, 11],
  [21, 10],
  [19, 9],
  [15, 8],
  [13, 7],
  [9, 6],
  [7, 4],
] as const;

/** Readers refuse files newer than they know: the oldest version that holds an operator set. */
const irVersionOf = (opset: number): bigint =>
  BigInt(irVersions.find(([since]) => opset >= since)?.[1] ?? 4);

function valueInfo(name: string, type: ValueType | undefined): ValueInfoProto {
  if (!type) return createValueInfo({ name });
  const dim = type.shape.map((size: Dim) => ({
    value:
      typeof size === 'number'
        ? ({ case: 'dimValue', value: BigInt(size) } as const)
        : ({ case: 'dimParam', value: size } as const),
  }));
  const value = { elemType: dataTypeOf[type.dtype], shape: { dim } };
  return createValueInfo({ name, type: { value: { case: 'tensorType', value } } });
}

/** Types of what opaque nodes make: nobody can infer them from the file. */
function opaqueValues(graph: Graph): ValueInfoProto[] {
  const outputs = new Set(graph.outputs);
  return graph.nodes
    .filter((node) => node.op === 'opaque')
    .flatMap((node) => node.outputs)
    .filter((value) => graph.types.has(value) && !outputs.has(value))
    .map((value) => valueInfo(value, graph.types.get(value)));
}

function writeNodes(graph: Graph, opset: number, storage: WeightStorage): CompactWritten {
  const written: Written = { nodes: [], constants: new Map(graph.constants) };
  const context = { graph, opset, fresh: nameSource(graph) };
  for (const node of graph.nodes)
    try {
      const write = exporters[node.op] as Exporter<Node['op']>;
      write(node, createWriter(context, node, written));
    } catch (error) {
      if (!(error instanceof DecoupleError)) throw error;
      throw new UnsupportedError(`${node.op} '${node.name}': ${error.message}`, { cause: error });
    }
  return compactWeights(graph, written, { storage, opset, fresh: context.fresh });
}

/** The nodes for the wanted operator set; without one, for the oldest from the usual one on that has them all. */
function writeFor(
  graph: Graph,
  { opset: wanted, weights = 'f32' }: ExportOptions,
): CompactWritten & { opset: number } {
  if (!weightStorages.includes(weights))
    throw new OptionError(`weights: ${weightStorages.join(', ')} expected, got ${weights}`);
  let opset = opsetOf(graph, wanted);
  for (;;)
    try {
      return { ...writeNodes(graph, opset, weights), opset };
    } catch (error) {
      const cause = error instanceof UnsupportedError ? error.cause : undefined;
      const fixed = wanted !== undefined || opaqueOpset(graph) !== undefined;
      if (fixed || !(cause instanceof OpsetError)) throw error;
      opset = cause.needed;
    }
}

/** Files of a graph in pieces; `exportOnnx` says how. */
export function exportParts(
  graph: Graph,
  options: ExportOptions & { readonly external?: External },
): FileParts {
  const { nodes, constants, halves, opset } = writeFor(graph, options);
  const { opsetImport, functions, metadataProps } = modelFields(graph.metadata);
  const pieces = {
    head: { irVersion: irVersionOf(opset), producerName: options.producer ?? 'decouple' },
    nodes: { name: graph.name, node: nodes },
    constants,
    halves,
    values: {
      input: graph.inputs.map(({ name, type }) => valueInfo(name, type)),
      output: graph.outputs.map((name) => valueInfo(name, graph.types.get(name))),
      valueInfo: opaqueValues(graph),
    },
    tail: {
      opsetImport: [{ domain: '', version: BigInt(opset) }, ...opsetImport],
      functions,
      metadataProps,
    },
  };
  return encodeFile(pieces, options.external);
}

/**
 * Exports a graph as an ONNX file.
 * @throws OptionError when the operator set is not supported; UnsupportedError naming the node that it has no form for,
 * or when the file would be larger than 2 GiB (`writeOnnx` can write two files).
 */
export const exportOnnx = (graph: Graph, options: ExportOptions = {}): Uint8Array<ArrayBuffer> =>
  joined(exportParts(graph, options).model);
