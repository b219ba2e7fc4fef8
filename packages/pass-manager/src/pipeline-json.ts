/**
 * Pipelines as JSON, for programs that write them, and the JSON Schema of that form:
 *
 *   ["fold-batch-norm", {"pass": "decouple", "options": {"macs": "0.4x"}},
 *    {"repeat": ["fold-constants", "remove-identity"], "max": 4}, {"group": "clean", "steps": ["fuse"]}]
 */
import { OptionError } from '@decouple/tensor';
import { z } from 'zod';
import type { Pass } from './define-pass.ts';
import {
  checkOptions,
  checkStep,
  group,
  maxDepth,
  passNamed,
  repeatOptions,
  type OptionValues,
  type Pipeline,
  type PipelineItem,
} from './pipeline.ts';

export type PipelineJson = readonly (
  | string
  | { readonly pass: string; readonly options: OptionValues }
  | { readonly repeat: PipelineJson; readonly max?: number }
  | { readonly group: string; readonly steps: PipelineJson }
)[];

function itemToJson(item: PipelineItem): PipelineJson[number] {
  switch (item.kind) {
    case 'pass': {
      const { pass, given } = item;
      return Object.keys(given).length ? { pass: pass.name, options: given } : pass.name;
    }
    case 'repeat':
      return { repeat: pipelineToJson(item), max: item.max };
    case 'group':
      return { group: item.name, steps: pipelineToJson(item) };
  }
}

/** The pipeline as JSON, with the options that were given; defaults are left out. */
export const pipelineToJson = ({ steps }: Pick<Pipeline, 'steps'>): PipelineJson =>
  steps.map(itemToJson);

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function fail(where: string, expected: string, got: unknown): never {
  const shown = JSON.stringify(got) ?? 'nothing';
  const short = shown.length > 60 ? `${shown.slice(0, 60)}…` : shown;
  throw new OptionError(`${where}: expected ${expected}, got ${short}`);
}

/** @throws OptionError when there are other keys. */
function requireKeys(where: string, fields: Fields, known: readonly string[]): void {
  const unknown = Object.keys(fields).find((key) => !known.includes(key));
  if (unknown !== undefined) fail(where, known.map((key) => `"${key}"`).join(' and '), unknown);
}

function readItem(value: unknown, passes: readonly Pass[], where: string, depth: number) {
  if (typeof value === 'string') return checkStep(passNamed(value, passes, `${where}: `), {});
  if (isFields(value) && typeof value.pass === 'string') {
    requireKeys(where, value, ['pass', 'options']);
    const { options = {} } = value;
    if (!isFields(options)) return fail(`${where}.options`, 'an object', options);
    return checkStep(
      passNamed(value.pass, passes, `${where}: `),
      options as OptionValues,
      (path) => `${[`${where}.options`, ...path].map(String).join('.')}: `,
    );
  }
  if (isFields(value) && 'repeat' in value) {
    requireKeys(where, value, ['repeat', 'max']);
    const { repeat: body, ...options } = value;
    const { max } = checkOptions(where, repeatOptions, options as OptionValues);
    const steps = readItems(body, passes, `${where}.repeat`, depth + 1);
    return { kind: 'repeat', max, steps } as const;
  }
  if (isFields(value) && typeof value.group === 'string') {
    requireKeys(where, value, ['group', 'steps']);
    return group(value.group, readItems(value.steps, passes, `${where}.steps`, depth + 1));
  }
  return fail(
    where,
    'the name of a pass, {"pass", "options"}, {"repeat", "max"} or {"group", "steps"}',
    value,
  );
}

function readItems(
  value: unknown,
  passes: readonly Pass[],
  where: string,
  depth: number,
): PipelineItem[] {
  if (depth > maxDepth) throw new OptionError(`${where}: more than ${maxDepth} nested groups`);
  if (!Array.isArray(value)) return fail(where, 'a list of passes and groups', value);
  return value.map((item, index) => readItem(item, passes, `${where}[${index}]`, depth));
}

/**
 * Reads the JSON form of a pipeline.
 * @param passes the passes whose names may occur.
 * @throws OptionError saying where, what was got and what is expected.
 */
export const pipelineFromJson = (value: unknown, passes: readonly Pass[]): Pipeline => ({
  steps: readItems(value, passes, 'pipeline', 0),
});

/** The JSON Schema of an object of options, as they may be given. */
export function optionsSchema(options: z.ZodObject): Readonly<Record<string, unknown>> {
  const own = Object.entries(z.toJSONSchema(options, { io: 'input', unrepresentable: 'any' }));
  return Object.fromEntries(own.filter(([key]) => key !== '$schema'));
}

/** The JSON Schema (draft 2020-12) of the JSON form of pipelines over some passes. */
export function pipelineSchema(passes: readonly Pass[]): Readonly<Record<string, unknown>> {
  const described = passes.map((pass) => ({ pass, options: optionsSchema(pass.options) }));
  const optional = described.filter(({ options }) => !options.required);
  const items = { $ref: '#/$defs/items' };
  const fields = (properties: object, required: readonly string[], description: string) => ({
    type: 'object',
    description,
    properties,
    required,
    additionalProperties: false,
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Pipeline of passes',
    $ref: '#/$defs/items',
    $defs: {
      items: { type: 'array', items: { $ref: '#/$defs/item' } },
      item: {
        anyOf: [
          { description: 'a pass', enum: optional.map(({ pass }) => pass.name) },
          ...described.map(({ pass, options }) =>
            fields(
              { pass: { const: pass.name }, options },
              options.required ? ['pass', 'options'] : ['pass'],
              pass.summary,
            ),
          ),
          fields(
            { repeat: items, ...(optionsSchema(repeatOptions).properties as object) },
            ['repeat'],
            'runs its passes until the graph no longer changes',
          ),
          fields(
            { group: { type: 'string', not: { const: 'repeat' } }, steps: items },
            ['group', 'steps'],
            'passes under a name that reports show',
          ),
        ],
      },
    },
  };
}
