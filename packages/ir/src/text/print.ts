/**
 * A graph as text that reads back as the same graph (parse.ts):
 *
 *   graph "net" {
 *     metadata producer = "pytorch 2.4"
 *     input %x: float32[N,3,8,8]
 *     const %w: float32[4,3,1,1] = [1, 0, 0.5, …]
 *     %conv1 = conv2d(%x, %w) {stride=[2, 2]} @"features.0"
 *     %"relu 1" = relu(%conv1)
 *     output %"relu 1"
 *   }
 *
 * `_` stands for an absent optional input. Attributes with default values, node names that equal the first output and
 * origins that equal the node's name are left out; else they follow as `name="…"` and `@"…"`.
 */
import type { z } from 'zod';
import type { GraphParts } from '../graph.ts';
import { recordOf, type Node } from '../node.ts';
import type { ValueType } from '../types.ts';
import { formatData, isShort } from './constants.ts';
import {
  formatFields,
  formatTypeText,
  formatValue,
  formatValueName,
  type Value,
} from './values.ts';

export interface PrintOptions {
  /** `summary` shows `…` for long constants, for people; such a text can't be read back. Default: `full`. */
  readonly constants?: 'full' | 'summary';
  /** Types of computed values as comments behind each node; those of the graph. */
  readonly types?: ReadonlyMap<string, ValueType>;
}

function formatAttributes(node: Node): string {
  const shape = recordOf(node.op).attrs.shape as Record<string, z.ZodType>;
  const given = Object.entries(node.attrs as Record<string, Value>).filter(([key, value]) => {
    const byDefault = shape[key]?.safeParse(undefined);
    return !byDefault?.success || formatValue(byDefault.data as Value) !== formatValue(value);
  });
  return given.length ? ` ${formatFields(Object.fromEntries(given))}` : '';
}

/** One node as its line of the text. @param types shown as a comment behind it. */
export function printNode(node: Node, types?: PrintOptions['types']): string {
  const outputs = node.outputs.length ? node.outputs.map(formatValueName).join(', ') : '_';
  const inputs = node.inputs.map(formatValueName).join(', ');
  const name = node.name === node.outputs[0] ? '' : ` name=${JSON.stringify(node.name)}`;
  const origin = node.origin === node.name ? '' : ` @${JSON.stringify(node.origin)}`;
  const known = types
    ? `  # ${node.outputs.map((output) => formatOptionalType(types.get(output))).join(', ')}`
    : '';
  return `${outputs} = ${node.op}(${inputs})${formatAttributes(node)}${name}${origin}${known}`;
}

const formatOptionalType = (type: ValueType | undefined): string =>
  type ? formatTypeText(type) : '?';

/** Prints a graph; see the header for the syntax. */
export function printGraph(graph: GraphParts, options: PrintOptions = {}): string {
  const lines = [
    ...Object.entries(graph.metadata ?? {}).map(
      ([key, text]) => `metadata ${JSON.stringify(key)} = ${JSON.stringify(text)}`,
    ),
    ...graph.inputs.map(
      ({ name, type }) => `input ${formatValueName(name)}: ${formatTypeText(type)}`,
    ),
    ...[...graph.constants].map(([name, value]) => {
      const data = options.constants === 'summary' && !isShort(value) ? '…' : formatData(value);
      return `const ${formatValueName(name)}: ${formatTypeText(value)} = ${data}`;
    }),
    ...graph.nodes.map((node) => printNode(node, options.types)),
    ...(graph.outputs.length ? [`output ${graph.outputs.map(formatValueName).join(', ')}`] : []),
  ];
  return `graph ${JSON.stringify(graph.name)} {\n${lines.map((line) => `  ${line}\n`).join('')}}\n`;
}
