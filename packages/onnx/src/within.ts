import { DecoupleError, ModelError, UnsupportedError } from '@decouple/tensor';

/**
 * An error of ours with the place it happened in before its message, once; anything else as it is. Where the engine
 * gives up, out of stack or asked for an impossible array, the file is to blame.
 */
export function within(place: string, error: unknown): unknown {
  if (error instanceof RangeError)
    return new ModelError(`${place}: too large or nested too deeply: ${error.message}`, {
      cause: error,
    });
  if (!(error instanceof DecoupleError) || error.message.startsWith(`${place}: `)) return error;
  const Kind = error instanceof UnsupportedError ? UnsupportedError : ModelError;
  return new Kind(`${place}: ${error.message}`, { cause: error });
}
