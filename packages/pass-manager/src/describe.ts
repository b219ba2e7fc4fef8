/** Documentation of passes from their declarations: for `decouple passes`, forms and generated tables. */
import { z } from 'zod';
import type { Pass } from './define-pass.ts';
import { repeatOptions } from './pipeline.ts';

export interface OptionDescription {
  readonly name: string;
  /** `integer ≥ 1`, `'dw-pw' | 'pw-dw'`, `{ [key]: integer }`. */
  readonly type: string;
  /** Absent: the option is required, or optional without a default. */
  readonly default?: unknown;
  readonly required: boolean;
  readonly doc: string;
}

export interface PassDescription {
  readonly name: string;
  readonly summary: string;
  readonly effect: Pass['effect'];
  readonly options: readonly OptionDescription[];
  readonly statistics: Readonly<Record<string, string>>;
}

/** A way to put passes together. */
export interface GroupDescription {
  readonly syntax: string;
  readonly summary: string;
  readonly options: readonly OptionDescription[];
}

type Schema = z.core.JSONSchema.BaseSchema;

function bounds(schema: Schema): string {
  const limits: string[] = [];
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  // Integers carry the safe range of float64 as implied bounds: not worth printing.
  if (typeof minimum === 'number' && minimum !== Number.MIN_SAFE_INTEGER)
    limits.push(`≥ ${minimum}`);
  if (typeof exclusiveMinimum === 'number') limits.push(`> ${exclusiveMinimum}`);
  if (typeof maximum === 'number' && maximum !== Number.MAX_SAFE_INTEGER)
    limits.push(`≤ ${maximum}`);
  if (typeof exclusiveMaximum === 'number') limits.push(`< ${exclusiveMaximum}`);
  return limits.length ? ` ${limits.join(', ')}` : '';
}

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null;

function typeText(schema: Schema): string {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map((choice) => typeText(choice)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.type === 'array')
    return isSchema(schema.items) ? `[${typeText(schema.items)}, …]` : 'list';
  if (schema.type === 'object') {
    if (isSchema(schema.additionalProperties))
      return `{ name=${typeText(schema.additionalProperties)}, … }`;
    const fields = Object.entries(schema.properties ?? {});
    return `{ ${fields.map(([key, field]) => `${key}=${typeText(field as Schema)}`).join(', ')} }`;
  }
  const types = Array.isArray(schema.type) ? schema.type.join(' | ') : schema.type;
  return `${types ?? 'any'}${bounds(schema)}`;
}

function describeOptions(options: z.ZodObject): OptionDescription[] {
  const schema = z.toJSONSchema(options, { io: 'input', unrepresentable: 'any' });
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const field = property as Schema;
    return {
      name,
      type: typeText(field),
      ...(field.default === undefined ? {} : { default: field.default }),
      required: required.has(name),
      doc: field.description ?? '',
    };
  });
}

/** What a pass is, with its options' types, defaults and documentation. */
export const describePass = (pass: Pass): PassDescription => ({
  name: pass.name,
  summary: pass.summary,
  effect: pass.effect,
  options: describeOptions(pass.options),
  statistics: pass.statistics ?? {},
});

/** The ways to put passes of a pipeline together. */
export const describeGroups = (): GroupDescription[] => [
  {
    syntax: 'repeat{max=…}(PASS, …)',
    summary: 'Runs its passes again and again until the graph no longer changes.',
    options: describeOptions(repeatOptions),
  },
  {
    syntax: 'NAME(PASS, …)',
    summary: 'Runs its passes once; reports show the name. The name may be left out.',
    options: [],
  },
];
