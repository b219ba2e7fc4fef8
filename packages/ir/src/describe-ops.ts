/** The table of ops as data, for generated documentation. */
import { z } from 'zod';
import type { InputSpec } from './define-op.ts';
import { recordOf, type OpKind } from './node.ts';
import { ops } from './ops/index.ts';
import { formatValue, type Value } from './text/values.ts';

export interface AttributeDescription {
  readonly name: string;
  /** A short text such as `[integer ≥ 1, integer ≥ 1]`. */
  readonly type: string;
  /** In the text syntax; absent when the attribute must be given. */
  readonly default?: string;
  readonly doc: string;
}

export interface OpDescription {
  readonly kind: OpKind;
  readonly doc: string;
  readonly inputs: readonly InputSpec[];
  readonly attributes: readonly AttributeDescription[];
}

type Schema = z.core.JSONSchema.BaseSchema;

/** Bounds worth telling; JSON Schema repeats those of safe integers. */
function formatRange({ minimum, exclusiveMinimum }: Schema): string {
  if (exclusiveMinimum !== undefined) return ` > ${String(exclusiveMinimum)}`;
  return minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? '' : ` ≥ ${minimum}`;
}

function formatSchema(schema: Schema): string {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return alternatives.map((one) => formatSchema(one)).join(' | ');
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum) return schema.enum.join(' | ');
  if (schema.type === 'array') {
    if (schema.prefixItems)
      return `[${schema.prefixItems.map((item) => formatSchema(item as Schema)).join(', ')}]`;
    const item = formatSchema(schema.items as Schema);
    return item.includes(' ') ? `(${item})[]` : `${item}[]`;
  }
  if (schema.type === 'object') {
    const fields = Object.entries(schema.properties ?? {});
    return `{${fields.map(([name, field]) => `${name}=${formatSchema(field as Schema)}`).join(', ')}}`;
  }
  return `${String(schema.type ?? 'any')}${formatRange(schema)}`;
}

function describeAttribute(name: string, schema: z.ZodType): AttributeDescription {
  const json: Schema = z.toJSONSchema(schema, { io: 'input' });
  return {
    name,
    type: formatSchema(json),
    ...(json.default === undefined ? {} : { default: formatValue(json.default as Value) }),
    doc: json.description ?? '',
  };
}

/** All ops with inputs and attributes, in the order of their table. */
export const describeOps = (): OpDescription[] =>
  (Object.keys(ops) as OpKind[]).map((kind) => {
    const { doc, inputs, attrs } = recordOf(kind);
    const attributes = Object.entries(attrs.shape as Record<string, z.ZodType>).map(
      ([name, schema]) => describeAttribute(name, schema),
    );
    return { kind, doc, inputs, attributes };
  });
