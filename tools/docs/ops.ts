/** The reference of ops as Markdown, from the tables that the code itself uses. */
import type { KernelDescription } from '@decouple/backend';
import { describeKernels } from '@decouple/backend-cpu';
import { describeKernels as describeGpuKernels } from '@decouple/backend-gpu';
import { conformanceCases } from '@decouple/conformance';
import {
  describeOps,
  type AttributeDescription,
  type Graph,
  type OpDescription,
  type OpKind,
} from '@decouple/ir';
import { exportOnnx, importedOperators, operatorsOf } from '@decouple/onnx';
import { DecoupleError } from '@decouple/tensor';
import { reference } from 'decouple';

/** Markdown tables end cells at bars, also within code. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** ONNX operators that a graph of one node is written as, if any. */
function operatorsOfGraph(graph: Graph): string[] {
  try {
    return operatorsOf(exportOnnx(graph), graph.name);
  } catch (error) {
    if (error instanceof DecoupleError) return [];
    throw error;
  }
}

/** ONNX operators by op, found by exporting the samples of each op. */
function exportedOperators(): Map<OpKind, string[]> {
  const operators = new Map<OpKind, string[]>();
  for (const { graph } of conformanceCases()) {
    const op = graph.nodes[0]?.op;
    if (op === undefined) continue;
    const known = operators.get(op) ?? [];
    operators.set(op, [...new Set([...known, ...operatorsOfGraph(graph)])]);
  }
  return operators;
}

const describeKernel = ({ support, reason }: KernelDescription): string =>
  reason === undefined ? support : `${support}: ${reason}`;

/** Whether the interpreter runs an op; it does not look at the node beyond its op. */
function referenceSupport(graph: Graph | undefined): string {
  const [node] = graph?.nodes ?? [];
  if (!graph || !node) return 'unsupported';
  return reference().supports(graph, node) === true ? 'runs' : 'unsupported';
}

function supportTable(ops: readonly OpDescription[]): string {
  const operators = exportedOperators();
  const tables = [describeKernels(), describeGpuKernels()].map(
    (table) => new Map(table.map((kernel) => [kernel.op, describeKernel(kernel)])),
  );
  const graphs = new Map(conformanceCases().map(({ graph }) => [graph.nodes[0]?.op, graph]));
  const rows = ops.map(({ kind }) => {
    const written = operators.get(kind)?.join(', ');
    const onnx = kind === 'opaque' ? 'as it was' : (written ?? '');
    const kernels = tables.map((table) => table.get(kind) ?? 'unsupported');
    const cells = [`\`${kind}\``, onnx, ...kernels];
    return `| ${[...cells, referenceSupport(graphs.get(kind))].map(cell).join(' | ')} |`;
  });
  return [
    '| Op | ONNX | `cpu` | `gpu` | `reference` |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function attributeLine({ name, type, default: fallback, doc }: AttributeDescription): string {
  const given = fallback === undefined ? 'required' : `default \`${fallback}\``;
  return `- \`${name}\` (\`${type}\`, ${given})${doc ? `: ${doc}` : ''}`;
}

function opSection({ kind, doc, inputs, attributes }: OpDescription): string {
  const names = inputs.map(({ name, optional, variadic }) => {
    const suffix = variadic ? '…' : optional ? '?' : '';
    return `\`${name}${suffix}\``;
  });
  const lines = [`### ${kind}`, '', doc, '', `Inputs: ${names.join(', ') || 'any'}`];
  if (attributes.length) lines.push('', ...attributes.map(attributeLine));
  return lines.join('\n');
}

/** The whole of docs/ops.md. */
export function opsDocument(): string {
  const ops = describeOps();
  return [
    '# Ops',
    'Written by `npm run docs` from the records of the ops, the tables of the ONNX importers and exporters, and the' +
      '\nkernels of the backends.',
    'Under `cpu` and `gpu`, a _kernel_ is generated code; _delegated_ ops run in the reference interpreter, for the reason given. A' +
      '\nkernel may leave single nodes to the interpreter too: `info().delegated` of a compiled network tells.',
    supportTable(ops),
    '## ONNX operators that are imported',
    'All others stay in the graph as `opaque` nodes.',
    importedOperators().join(', '),
    '## Reference',
    'An input with `?` is optional, one with `…` is repeated.',
    ...ops.map(opSection),
    '',
  ].join('\n\n');
}
