/**
 * What travels with a model in its metadata, in every format: the pipelines that made it, and how images become its
 * input. Both are JSON under keys of their own.
 */
import type { Preprocess } from '@decouple/calibration';
import type { Graph } from '@decouple/ir';

const pipelineKey = 'decouple.pipeline';
const preprocessKey = 'decouple.preprocess';

/** A pipeline that was run on a model. */
export interface HistoryEntry {
  readonly pipeline: string;
  readonly seed: number;
}

/** What stands under a key; `undefined` when it is missing or no JSON: metadata are free text. */
function valueOf(graph: Graph, key: string): unknown {
  try {
    return JSON.parse(graph.metadata[key] ?? 'null');
  } catch {
    return undefined;
  }
}

const withMetadata = (graph: Graph, key: string, value: unknown): Graph => ({
  ...graph,
  metadata: { ...graph.metadata, [key]: JSON.stringify(value) },
});

function isEntry(value: unknown): value is HistoryEntry {
  const { pipeline, seed } = (value ?? {}) as Record<string, unknown>;
  return typeof pipeline === 'string' && typeof seed === 'number';
}

/** Pipelines that were run on a model, the first one first. */
export function historyOf(graph: Graph): HistoryEntry[] {
  const value = valueOf(graph, pipelineKey);
  return Array.isArray(value) ? value.filter(isEntry) : [];
}

/** The graph with one more pipeline in its history. */
export const withHistory = (graph: Graph, entry: HistoryEntry): Graph =>
  withMetadata(graph, pipelineKey, [...historyOf(graph), entry]);

const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(Number.isFinite);

/** How images become the model's input, if it says so. */
export function preprocessOf(graph: Graph): Preprocess | undefined {
  const { mean, std } = (valueOf(graph, preprocessKey) ?? {}) as Record<string, unknown>;
  if (!isNumbers(mean) && !isNumbers(std)) return undefined;
  return { ...(isNumbers(mean) && { mean }), ...(isNumbers(std) && { std }) };
}

/** The graph with a note of how images become its input. */
export const withPreprocess = (graph: Graph, preprocess: Preprocess): Graph =>
  withMetadata(graph, preprocessKey, preprocess);
