/** Pipelines as values: passes with checked options, in order. Their text form is in pipeline-text.ts. */
import { OptionError } from '@decouple/tensor';
import type { z } from 'zod';
import type { Pass } from './define-pass.ts';
import { suggestion } from './nearest.ts';

/** What an option can be set to: what the text form can write. */
export type OptionValue =
  string | number | boolean | readonly OptionValue[] | { readonly [key: string]: OptionValue };
export type OptionValues = Readonly<Record<string, OptionValue>>;

export interface PipelineStep {
  readonly pass: Pass;
  /** Options as given; the text form writes these. */
  readonly given: OptionValues;
  /** Options with defaults filled in, as the pass receives them. */
  readonly options: Readonly<Record<string, unknown>>;
}

export interface Pipeline {
  readonly steps: readonly PipelineStep[];
}

type Issue = z.core.$ZodIssue;

/** `number to be >=1` from zod's `Too small: expected number to be >=1`. */
function expectation(issue: Issue): string {
  if (issue.code === 'invalid_union' && issue.errors.length)
    return [...new Set(issue.errors.flatMap((branch) => branch.map(expectation)))].join(' or ');
  return /expected (.*?)(?:, received .*)?$/s.exec(issue.message)?.[1] ?? issue.message;
}

/** Of a value that fits no branch of a union, the issue inside the branch that fits it best. */
function innermost(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue;
  const inner = issue.errors.find((branch) => branch.some(({ path }) => path.length > 0))?.[0];
  return inner ? innermost({ ...inner, path: [...issue.path, ...inner.path] }) : issue;
}

const quoteValue = (value: unknown): string =>
  value === undefined ? 'nothing' : (JSON.stringify(value) ?? typeof value);

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    given,
  );
}

function describeIssue(issue: Issue, pass: Pass, given: unknown): string {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = path.length ? [] : Object.keys(pass.options.shape);
    return issue.keys
      .map((key) => `no option '${[...path, key].join('.')}'${suggestion(key, known)}`)
      .join('; ');
  }
  const value = valueAt(given, issue.path);
  const names = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  const hint = typeof value === 'string' && names.length ? suggestion(value, names) : '';
  const meant = hint.includes('did you mean') ? hint : '';
  return `option '${path.join('.')}' got ${quoteValue(value)}, expected ${expectation(issue)}${meant}`;
}

/**
 * Checks options and fills in defaults.
 * @param locate adds where in a text the option at a path stands.
 */
export function checkOptions(
  pass: Pass,
  given: OptionValues,
  locate: (path: readonly PropertyKey[]) => string = () => '',
): PipelineStep {
  const parsed = pass.options.safeParse(given);
  if (parsed.success) return { pass, given, options: parsed.data };
  const issues = parsed.error.issues.map(innermost).map((issue) => {
    const key = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
    const path = key === undefined ? issue.path : [...issue.path, key];
    return `${locate(path)}${describeIssue(issue, pass, given)}`;
  });
  throw new OptionError(`pass '${pass.name}': ${issues.join('; ')}`);
}

/**
 * A pass with its options.
 * @throws OptionError naming each wrong option, what was got and what is expected.
 */
export function step<Options extends z.ZodObject>(
  pass: Pass<string, Options, never>,
  ...[options]: Record<never, never> extends z.input<Options>
    ? [z.input<Options>?]
    : [z.input<Options>]
): PipelineStep {
  const given = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
  return checkOptions(pass, Object.fromEntries(given) as OptionValues);
}

export const pipeline = (steps: readonly PipelineStep[]): Pipeline => ({ steps });
