/** Reads the text syntax of graphs; print.ts describes it. Every error names line and column. */
import type { Tensor } from '@decouple/tensor';
import { describeIssues } from '../attributes.ts';
import {
  createGraph,
  formatProblem,
  inferGraph,
  type Graph,
  type GraphInput,
  type GraphParts,
} from '../graph.ts';
import { recordOf, type Node, type OpKind } from '../node.ts';
import { ops } from '../ops/index.ts';
import { parseData } from './constants.ts';
import { createScanner, type Scanner } from './scanner.ts';
import {
  parseFields,
  parseKey,
  parseList,
  parseQuoted,
  parseType,
  parseValueName,
} from './values.ts';

const opKind = /[a-z][\w-]*/y;

interface Draft {
  readonly metadata: Map<string, string>;
  readonly inputs: GraphInput[];
  readonly outputs: string[];
  readonly nodes: Node[];
  readonly constants: Map<string, Tensor>;
  /** Where nodes, inputs and outputs are in the text, by name. */
  readonly places: Map<string, number>;
}

function parseOutputs(scanner: Scanner): string[] {
  if (scanner.take('_')) return [];
  const outputs: string[] = [];
  do outputs.push(parseValueName(scanner));
  while (scanner.take(','));
  return outputs;
}

function parseNode(scanner: Scanner): Node {
  const outputs = parseOutputs(scanner);
  scanner.expect('=');
  const start = scanner.position;
  const op = scanner.match(opKind) as OpKind | undefined;
  if (op === undefined || !Object.hasOwn(ops, op))
    throw scanner.errorAt(
      start,
      `unknown op '${op ?? ''}'; ops are ${Object.keys(ops).join(', ')}`,
    );
  scanner.expect('(');
  const inputs = parseList(scanner, ')', () => (scanner.take('_') ? '' : parseValueName(scanner)));
  const fields = scanner.take('{') ? parseFields(scanner) : {};
  const attrs = recordOf(op).attrs.safeParse(fields);
  if (!attrs.success) throw scanner.errorAt(start, `${op}: ${describeIssues(attrs.error)}`);
  const name = scanner.take('name=') ? parseQuoted(scanner, 'a name in quotes') : outputs[0];
  if (name === undefined) throw scanner.failure('name="…" of a node without outputs');
  const origin = scanner.take('@') ? parseQuoted(scanner, 'an origin in quotes') : name;
  return { name, op, inputs, outputs, attrs: attrs.data, origin } as unknown as Node;
}

const section = /(?:metadata|input|const|output)\b/y;

function parseItem(scanner: Scanner, draft: Draft): void {
  const start = scanner.position;
  switch (scanner.match(section)) {
    case 'metadata': {
      const key = parseKey(scanner, 'a key');
      if (draft.metadata.has(key)) throw scanner.errorAt(start, `metadata '${key}' is given twice`);
      scanner.expect('=');
      draft.metadata.set(key, parseQuoted(scanner, 'a text in quotes'));
      return;
    }
    case 'input': {
      const name = parseValueName(scanner);
      scanner.expect(':');
      draft.inputs.push({ name, type: parseType(scanner) });
      draft.places.set(name, start);
      return;
    }
    case 'const': {
      const name = parseValueName(scanner);
      if (draft.constants.has(name))
        throw scanner.errorAt(start, `constant '${name}' is defined twice`);
      scanner.expect(':');
      const type = parseType(scanner);
      scanner.expect('=');
      draft.constants.set(name, parseData(scanner, type));
      return;
    }
    case 'output':
      do {
        const place = scanner.position;
        const name = parseValueName(scanner);
        draft.outputs.push(name);
        if (!draft.places.has(name)) draft.places.set(name, place);
      } while (scanner.take(','));
      return;
    default: {
      const node = parseNode(scanner);
      draft.nodes.push(node);
      draft.places.set(node.name, start);
    }
  }
}

function parseDraft(scanner: Scanner): { parts: GraphParts; draft: Draft } {
  const draft: Draft = {
    metadata: new Map(),
    inputs: [],
    outputs: [],
    nodes: [],
    constants: new Map(),
    places: new Map(),
  };
  scanner.expect('graph');
  const name = parseQuoted(scanner, "the graph's name in quotes");
  scanner.expect('{');
  while (!scanner.take('}')) parseItem(scanner, draft);
  if (!scanner.isAtEnd()) throw scanner.failure('the end');
  const { inputs, outputs, nodes, constants } = draft;
  const metadata = Object.fromEntries(draft.metadata);
  return { parts: { name, inputs, outputs, nodes, constants, metadata }, draft };
}

/**
 * Reads what a graph is made from; whether it fits together is not checked.
 * @param file what errors call the text.
 * @throws ModelError with line and column.
 */
export const parseGraphParts = (text: string, file = 'text'): GraphParts =>
  parseDraft(createScanner(text, file)).parts;

/**
 * Reads a graph.
 * @param file what errors call the text.
 * @throws ModelError with line and column, also when names, order or shapes don't fit.
 */
export function parseGraph(text: string, file = 'text'): Graph {
  const scanner = createScanner(text, file);
  const { parts, draft } = parseDraft(scanner);
  const { problems } = inferGraph(parts);
  const [first] = problems;
  if (first)
    throw scanner.errorAt(
      draft.places.get(first.node) ?? 0,
      problems.slice(0, 5).map(formatProblem).join('; '),
    );
  return createGraph(parts);
}
