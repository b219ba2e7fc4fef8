/** Values of command-line options. */
import type { Graph } from 'decouple';
import { InvalidArgumentError } from 'commander';

/** A whole number of at least `least`. */
export const wholeNumber =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`);
    return value;
  };

/** A number above 0. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

/** `0.49,0.48,0.45` */
export function numberList(text: string): number[] {
  const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (!values.every(Number.isFinite))
    throw new InvalidArgumentError(
      'Expected numbers with commas between them, like 0.49,0.48,0.45.',
    );
  return values;
}

/** `cpu,reference` */
export const nameList = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);

/** Something for an input of a network, named unless there is only one. */
export interface ForInput<T> {
  readonly input: string | undefined;
  readonly value: T;
}

/** Splits `name=value`; the name is optional. Names may hold `=` when quoted by nothing: the last one counts. */
function splitName(text: string): ForInput<string> {
  const at = text.lastIndexOf('=');
  return at < 0
    ? { input: undefined, value: text }
    : { input: text.slice(0, at), value: text.slice(at + 1) };
}

/** `input=1x3x224x224` or `1x3x224x224`; repeatable. */
export function shapeArgument(
  text: string,
  previous: readonly ForInput<number[]>[] = [],
): ForInput<number[]>[] {
  const { input, value } = splitName(text);
  const shape = value.split('x').map(Number);
  if (!shape.every((dim) => Number.isInteger(dim) && dim > 0))
    throw new InvalidArgumentError('Expected sizes like input=1x3x224x224.');
  return [...previous, { input, value: shape }];
}

/** `input=X.npy` or `X.npy`; repeatable. */
export const fileArgument = (
  text: string,
  previous: readonly ForInput<string>[] = [],
): ForInput<string>[] => [...previous, splitName(text)];

/**
 * The input of a graph that an argument is for.
 * @throws OptionError naming the inputs there are.
 */
export async function inputNamed(graph: Graph, name: string | undefined): Promise<string> {
  const names = graph.inputs.map((input) => input.name);
  if (name !== undefined && names.includes(name)) return name;
  if (name === undefined && names.length === 1) return names[0] as string;
  const { OptionError } = await import('decouple');
  throw new OptionError(
    name === undefined
      ? `'${graph.name}' has several inputs, say which: ${names.map((each) => `${each}=…`).join(' ')}`
      : `'${name}' is not an input of '${graph.name}'; inputs are ${names.join(', ')}`,
  );
}
