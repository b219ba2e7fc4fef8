/** Errors on their way up: names of nodes and passes are added, kinds and causes kept. */
import { DecoupleError, InvariantError, messageOf } from '@decouple/tensor';

type ErrorKind = new (message: string, options: ErrorOptions) => DecoupleError;

/**
 * The error with `where` before its message and the original as cause. Cancellations pass unchanged; what is not of
 * the project's own family is a bug in a pass and becomes an InvariantError.
 */
export function withPlace(error: unknown, where: string, signal: AbortSignal): unknown {
  if (signal.aborted && (error === signal.reason || isAbort(error))) return error;
  const kind =
    error instanceof DecoupleError
      ? (error.constructor as ErrorKind)
      : (InvariantError as ErrorKind);
  return new kind(`${where}: ${messageOf(error)}`, { cause: error });
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';
