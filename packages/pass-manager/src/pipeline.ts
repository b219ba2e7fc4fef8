/**
 * Pipelines as values: passes with checked options, in order, alone or in groups. Their text form is in
 * pipeline-text.ts, their JSON form in pipeline-json.ts.
 */
import { OptionError } from '@decouple/tensor';
import { z } from 'zod';
import type { Pass } from './define-pass.ts';
import { suggestion } from './nearest.ts';

/** What an option can be set to: what the text form can write. */
export type OptionValue =
  string | number | boolean | readonly OptionValue[] | { readonly [key: string]: OptionValue };
export type OptionValues = Readonly<Record<string, OptionValue>>;

/** A pass with its options. */
export interface PipelineStep {
  readonly kind: 'pass';
  readonly pass: Pass;
  /** Options as given; the text form writes these. */
  readonly given: OptionValues;
  /** Options with defaults filled in, as the pass receives them. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** Items that run once, under a name that reports show. */
export interface PipelineGroup {
  readonly kind: 'group';
  /** `''` when it has none. */
  readonly name: string;
  readonly steps: readonly PipelineItem[];
}

/** Items that run again and again until the graph no longer changes. */
export interface PipelineRepeat {
  readonly kind: 'repeat';
  /** Rounds at most. */
  readonly max: number;
  readonly steps: readonly PipelineItem[];
}

export type PipelineItem = PipelineStep | PipelineGroup | PipelineRepeat;

export interface Pipeline {
  readonly steps: readonly PipelineItem[];
}

/** Groups within groups beyond which a pipeline is refused. */
export const maxDepth = 32;

/** What `repeat{…}` takes. */
export const repeatOptions = z.strictObject({
  max: z.int().min(1).max(1000).default(10).describe('rounds at most'),
});

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

function describeIssue(issue: Issue, schema: z.ZodObject, given: unknown): string {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = path.length ? [] : Object.keys(schema.shape);
    return issue.keys
      .slice(0, 5)
      .map((key) => `no option '${[...path, key].join('.')}'${suggestion(key, known)}`)
      .join('; ');
  }
  const value = valueAt(given, issue.path);
  const names = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  const hint = typeof value === 'string' && names.length ? suggestion(value, names) : '';
  const meant = hint.includes('did you mean') ? hint : '';
  return `option '${path.join('.')}' got ${quoteValue(value)}, expected ${expectation(issue)}${meant}`;
}

/** Where in a text or a JSON value the option at a path stands, for errors. */
export type Locate = (path: readonly PropertyKey[]) => string;

/**
 * Options with defaults filled in.
 * @param owner whose options they are, e.g. `pass 'decouple'`.
 * @throws OptionError naming each wrong option, what was got and what is expected.
 */
export function checkOptions<Schema extends z.ZodObject>(
  owner: string,
  schema: Schema,
  given: OptionValues,
  locate: Locate = () => '',
): z.output<Schema> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(innermost).map((issue) => {
    const key = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
    const path = key === undefined ? issue.path : [...issue.path, key];
    return `${locate(path)}${describeIssue(issue, schema, given)}`;
  });
  throw new OptionError(`${owner}: ${issues.join('; ')}`);
}

/** A step from options of unchecked types. @throws OptionError as `checkOptions`. */
export const checkStep = (pass: Pass, given: OptionValues, locate?: Locate): PipelineStep => ({
  kind: 'pass',
  pass,
  given,
  options: checkOptions(`pass '${pass.name}'`, pass.options, given, locate),
});

/** The pass of a name. @throws OptionError with the nearest name. */
export function passNamed(name: string, passes: readonly Pass[], where = ''): Pass {
  const pass = passes.find((candidate) => candidate.name === name);
  if (pass) return pass;
  const names = passes.map((candidate) => candidate.name);
  throw new OptionError(`${where}no pass '${name}'${suggestion(name, names)}`);
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
  return checkStep(pass, Object.fromEntries(given) as OptionValues);
}

export const pipeline = (steps: readonly PipelineItem[]): Pipeline => ({ steps });

/**
 * Runs its items until the graph no longer changes, at most `max` times.
 * @throws OptionError when `max` is not a whole number from 1 to 1000.
 */
export const repeat = (steps: readonly PipelineItem[], max?: number): PipelineRepeat => ({
  kind: 'repeat',
  max: checkOptions('repeat', repeatOptions, max === undefined ? {} : { max }).max,
  steps,
});

/**
 * Items under a name that reports show; the name of a pass can't be written as text.
 * @throws OptionError when the name is `repeat`.
 */
export function group(name: string, steps: readonly PipelineItem[]): PipelineGroup {
  if (name === 'repeat') throw new OptionError("a group can't be named 'repeat'");
  return { kind: 'group', name, steps };
}

/** The passes of a pipeline in order, those of a repeat once. */
export const stepsOf = (items: readonly PipelineItem[]): PipelineStep[] =>
  items.flatMap((item) => (item.kind === 'pass' ? [item] : stepsOf(item.steps)));
