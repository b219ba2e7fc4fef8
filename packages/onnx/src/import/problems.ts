/**
 * What an import does about something wrong with a file. Importing ends at the first problem; checking writes all of
 * them down and goes on, with opaque nodes in place of what can't be had.
 */
import { formatProblem, type Problem } from '@decouple/ir';
import { DecoupleError, messageOf } from '@decouple/tensor';
import { within } from '../within.ts';

/** Tells of what is wrong with a node, input, output or initializer; may end the import by throwing. */
export type Report = (node: string, op: string, error: unknown) => void;

/** @throws the error, with the place before its message. */
export const throwFirst: Report = (node, op, error) => {
  throw within(`${op} '${node}'`, error);
};

/** Errors that are not ours are bugs and thrown all the same. */
export const collectInto =
  (problems: Problem[]): Report =>
  (node, op, error) => {
    if (!(within('', error) instanceof DecoupleError)) throw error;
    const place = formatProblem({ node, op, message: '' });
    const text = messageOf(error);
    const message = text.startsWith(place) ? text.slice(place.length) : text;
    problems.push({ node, op, message });
  };
