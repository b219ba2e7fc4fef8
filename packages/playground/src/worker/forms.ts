/** What forms are made from: the declarations of passes as data, and pipelines as items of text. */
import {
  builtInPasses,
  describePass,
  formatOptionValue,
  optionsSchema,
  parsePipeline,
  type OptionDescription,
  type Pass,
  type PipelineItem,
} from 'decouple';
import type { Item } from '../pipeline/items.ts';

/** How an option is asked for. */
export type FieldKind =
  | { readonly kind: 'choice'; readonly values: readonly string[] }
  | { readonly kind: 'flag' }
  | {
      readonly kind: 'number';
      readonly whole: boolean;
      readonly least?: number;
      readonly most?: number;
    }
  | { readonly kind: 'text' };

export interface FieldForm extends Omit<OptionDescription, 'default'> {
  readonly field: FieldKind;
  /** The default as text; absent when there is none. */
  readonly fallback?: string;
}

export interface PassForm {
  readonly name: string;
  readonly summary: string;
  readonly effect: 'exact' | 'approximate';
  readonly fields: readonly FieldForm[];
}

type Schema = Readonly<Record<string, unknown>>;

const finite = (value: unknown): number | undefined =>
  typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : undefined;

/** The widget for a schema; what is neither a choice, a flag nor a number is asked for as text. */
function fieldOf(schema: Schema): FieldKind {
  if (Array.isArray(schema.enum)) return { kind: 'choice', values: schema.enum.map(String) };
  if (schema.type === 'boolean') return { kind: 'flag' };
  if (schema.type !== 'integer' && schema.type !== 'number') return { kind: 'text' };
  const [least, most] = [finite(schema.minimum), finite(schema.maximum)];
  return {
    kind: 'number',
    whole: schema.type === 'integer',
    ...(least !== undefined && { least }),
    ...(most !== undefined && { most }),
  };
}

function formOf(pass: Pass): PassForm {
  const { name, summary, effect, options } = describePass(pass);
  const schemas = optionsSchema(pass.options).properties as Readonly<Record<string, Schema>>;
  return {
    name,
    summary,
    effect,
    fields: options.map(({ default: value, ...option }) => ({
      ...option,
      field: fieldOf(schemas[option.name] ?? {}),
      ...(value !== undefined && { fallback: formatOptionValue(value as string) }),
    })),
  };
}

/** Forms of all passes. */
export const passForms = (): PassForm[] => builtInPasses.map(formOf);

function itemOf(item: PipelineItem): Item {
  if (item.kind === 'pass') {
    const options = Object.entries(item.given).map(([name, value]) => [
      name,
      formatOptionValue(value),
    ]);
    return {
      kind: 'pass',
      name: item.pass.name,
      options: Object.fromEntries(options) as Record<string, string>,
    };
  }
  const steps = item.steps.map(itemOf);
  return item.kind === 'repeat'
    ? { kind: 'repeat', max: String(item.max), steps }
    : { kind: 'group', name: item.name, steps };
}

/** A pipeline's text as items. @throws OptionError with the column, what was got and what is expected. */
export const readItems = (text: string): Item[] => parsePipeline(text).steps.map(itemOf);
