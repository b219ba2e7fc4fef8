/** What commands know of the world, so that tests can run them in process. */
export interface Io {
  /** Results: nothing else goes here, and with `--json` only JSON. */
  stdout(text: string): void;
  /** Progress, warnings, errors. */
  stderr(text: string): void;
  /** The terminal to draw progress bars on; absent when standard error is not one. */
  readonly terminal?: NodeJS.WriteStream;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export const printJson = (io: Io, value: unknown): void =>
  io.stdout(`${JSON.stringify(value, undefined, 2)}\n`);

export const warn = (io: Io, message: string): void => io.stderr(`warning: ${message}\n`);
