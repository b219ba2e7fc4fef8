/** Single pieces of the text syntax, for files that hold a graph in another form. */
import { ModelError } from '@decouple/tensor';
import { describeIssues } from '../attributes.ts';
import { recordOf, type Node, type OpKind } from '../node.ts';
import { ops } from '../ops/index.ts';
import type { ValueType } from '../types.ts';
import { createScanner, type Scanner } from './scanner.ts';
import { formatFields, parseFields, parseType } from './values.ts';

/** All attributes of a node, those with default values too: `{stride=[2, 2], groups=1}`. */
export const formatAttributes = (node: Node): string => formatFields(node.attrs);

function whole<T>(text: string, where: string, parse: (scanner: Scanner) => T): T {
  const scanner = createScanner(text, where);
  const result = parse(scanner);
  if (!scanner.isAtEnd()) throw scanner.failure('the end');
  return result;
}

/**
 * Reads what `formatAttributes` wrote.
 * @throws ModelError naming `where` when the op is unknown or the attributes are not its own.
 */
export function parseAttributes(
  op: string,
  text: string,
  where: string,
): Pick<Node, 'op' | 'attrs'> {
  if (!Object.hasOwn(ops, op)) throw new ModelError(`${where}: unknown op '${op}'`);
  const fields = whole(text, where, (scanner) => {
    scanner.expect('{');
    return parseFields(scanner);
  });
  const attrs = recordOf(op as OpKind).attrs.safeParse(fields);
  if (!attrs.success) throw new ModelError(`${where}: ${op}: ${describeIssues(attrs.error)}`);
  return { op, attrs: attrs.data } as unknown as Pick<Node, 'op' | 'attrs'>;
}

/** Reads a type such as `float32[N,3,8,8]`. @throws ModelError naming `where`. */
export const parseTypeText = (text: string, where: string): ValueType =>
  whole(text, where, parseType);
