/** Models as the page has them: read from files, sized, inspected, drawn. */
import {
  bindSymbols,
  decodeDcpl,
  historyOf,
  importOnnx,
  inspect,
  ModelError,
  parseGraph,
  symbolsOf,
  UnsupportedError,
  type Graph,
  type HistoryEntry,
  type ImportWarning,
  type Inspection,
} from 'decouple';
import { drawingOf, type Drawing } from '@decouple/report';

/** Sizes of symbolic dimensions. */
export type Sizes = Readonly<Record<string, number>>;

/** A drawing, or why there is none. */
export type DrawingResult = { readonly drawing: Drawing } | { readonly undrawn: string };

/** What the page shows of a model. */
export interface ModelView {
  readonly name: string;
  readonly inspection: Inspection;
  readonly picture: DrawingResult;
  readonly warnings: readonly ImportWarning[];
  /** Symbols that need a size before the network can run, with the sizes they have now. */
  readonly sizes: Sizes;
  readonly history: readonly HistoryEntry[];
}

/** A model as it was read, before sizes are given. */
export interface Source {
  readonly name: string;
  readonly graph: Graph;
  readonly warnings: readonly ImportWarning[];
}

/** Reads a model file by its extension. @throws ModelError, UnsupportedError as the importers have it. */
export function readSource(name: string, bytes: Uint8Array): Source {
  if (name.endsWith('.dcpl')) return { name, graph: decodeDcpl(bytes, name), warnings: [] };
  if (name.endsWith('.txt'))
    return { name, graph: parseGraph(new TextDecoder().decode(bytes), name), warnings: [] };
  if (name.endsWith('.onnx')) return { name, ...importOnnx(bytes, { file: name }) };
  throw new UnsupportedError(
    `${name}: not a format known here; model files are .onnx, .dcpl, .txt`,
  );
}

/** A size to start with for pictures of any size. */
const usualSize = 224;

/** Symbols other than the batch, which is bound when the network runs. */
export function openSizes(graph: Graph, given: Sizes = {}): Record<string, number> {
  const batches = new Set(graph.inputs.map(({ type }) => type.shape[0]));
  const open = symbolsOf(graph).filter((symbol) => !batches.has(symbol));
  return Object.fromEntries(open.map((symbol) => [symbol, given[symbol] ?? usualSize]));
}

/** The graph with its open sizes bound. @throws ModelError when they don't fit. */
export function withSizes(graph: Graph, sizes: Sizes): Graph {
  for (const [symbol, size] of Object.entries(sizes))
    if (!(Number.isInteger(size) && size > 0))
      throw new ModelError(`size '${symbol}' must be a whole number above 0, got ${size}`);
  return Object.keys(sizes).length ? bindSymbols(graph, sizes) : graph;
}

export function pictureOf(graph: Graph): DrawingResult {
  try {
    return { drawing: drawingOf(graph) };
  } catch (error) {
    if (error instanceof UnsupportedError) return { undrawn: error.message };
    throw error;
  }
}

export const viewOf = (source: Source, graph: Graph, sizes: Sizes): ModelView => ({
  name: source.name,
  inspection: inspect(graph),
  picture: pictureOf(graph),
  warnings: source.warnings,
  sizes,
  history: historyOf(graph),
});

/** Whether samples of a shape go into the only input of a network. */
export function takes(graph: Graph, sample: readonly number[]): boolean {
  const [input, ...others] = graph.inputs;
  const [, ...shape] = input?.type.shape ?? [];
  return !others.length && shape.length > 0 && shape.join() === sample.join();
}
