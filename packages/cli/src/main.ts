/** The process: streams, signals and the exit code around `main`. */
import { readFileSync } from 'node:fs';
import { main } from './cli.ts';

/** Ctrl-C reaches this process both from the terminal and from its parent: signals that come together are one. */
const sameSignalMs = 1000;

function listenForSignals(): AbortSignal {
  const controller = new AbortController();
  let first: number | undefined;
  const stop = (): void => {
    first ??= performance.now();
    if (performance.now() - first > sameSignalMs) process.exit(130);
    controller.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  return controller.signal;
}

// A reader that has seen enough, as `| head`, is no error; a full disk is.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    if (stream === process.stdout)
      process.stderr.write(`decouple: standard output can't be written: ${error.message}\n`);
    process.exit(1);
  });

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string };

const io = {
  stdout: (text: string) => void process.stdout.write(text),
  stderr: (text: string) => void process.stderr.write(text),
  ...(process.stderr.isTTY ? { terminal: process.stderr } : {}),
  signal: listenForSignals(),
};
process.exitCode = await main(process.argv.slice(2), io, version);
