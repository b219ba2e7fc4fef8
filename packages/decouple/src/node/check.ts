/** What stands between a model file and its use: everything at once. */
import type { Backend } from '@decouple/backend';
import type { Graph, Problem } from '@decouple/ir';
import { formatOf } from './models.ts';

export interface CheckResult {
  readonly ok: boolean;
  readonly problems: readonly Problem[];
}

/** Nodes that a backend refuses; opaque ones are told of already. */
const refusals = (graph: Graph, backend: Backend): Problem[] =>
  graph.nodes.flatMap((node) => {
    if (node.op === 'opaque') return [];
    const answer = backend.supports(graph, node);
    if (answer === true) return [];
    const message = `backend '${backend.name}' can't run it: ${answer.unsupported}`;
    return [{ node: node.name, op: node.op, message }];
  });

/**
 * Everything wrong with a model file: what is malformed, what is not understood, shapes that don't fit, weights
 * of NaN or Infinity, and what `backend` can't run. Does not stop at the first.
 * @throws DataError when the file can't be read; UnsupportedError for other formats.
 */
export async function checkModel(path: string, backend?: Backend): Promise<CheckResult> {
  const { graph, problems } = await formatOf(path).check(path);
  const all = [...problems, ...(graph && backend ? refusals(graph, backend) : [])];
  return { ok: all.length === 0, problems: all };
}
