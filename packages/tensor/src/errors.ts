/**
 * The one family of errors. Messages say where, what was got, what was expected, and what to do;
 * anything thrown on purpose anywhere in the project is one of these.
 */

/** Files name things as they like, by megabytes if they want: messages are cut here. */
const maxMessage = 4000;

/**
 * Base of all errors thrown on purpose. `instanceof DecoupleError` tells a user's error from a bug. Constructors take a
 * message and options, so that whoever knows where an error happened can say it in one of the same kind.
 */
export class DecoupleError extends Error {
  override readonly name: string = 'DecoupleError';

  constructor(message: string, options?: ErrorOptions) {
    super(message.length > maxMessage ? `${message.slice(0, maxMessage)} …` : message, options);
  }
}

/** A model is malformed, or an operation does not fit the shapes it is given. Names the node or file. */
export class ModelError extends DecoupleError {
  override readonly name = 'ModelError';
}

/** An option, a pipeline text or a command line is wrong. Names the option, got and expected. */
export class OptionError extends DecoupleError {
  override readonly name = 'OptionError';
}

/** Something valid that this build, backend or machine can't do. Says what could do it. */
export class UnsupportedError extends DecoupleError {
  override readonly name = 'UnsupportedError';
}

/** A data file (images, `.npy`, JSON) is broken or doesn't fit. Names the file. */
export class DataError extends DecoupleError {
  override readonly name = 'DataError';
}

/** A promise of our own code does not hold: always a bug, worth a report. */
export class InvariantError extends DecoupleError {
  override readonly name = 'InvariantError';
}

/** Throws `InvariantError` unless `condition` holds. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** The message of anything thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
