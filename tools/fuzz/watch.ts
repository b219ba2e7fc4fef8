/** Runs the process that tries inputs of a format, keeps what it finds, and starts it anew when an input ends it. */
import { fork, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Format } from './formats.ts';
import { limits, type FromChild, type Outcome, type ToChild } from './messages.ts';

export interface Finding {
  readonly message: string;
  /** Where the input is kept. */
  readonly file: string;
}

export interface Tally {
  readonly format: string;
  inputs: number;
  accepted: number;
  /** Refused inputs by class of error. */
  readonly errors: Record<string, number>;
  slowestMs: number;
  /** Memory of the process that tried the inputs, at its most. */
  peakBytes: number;
  crashes: number;
  hangs: number;
  readonly findings: Finding[];
}

const kept = fileURLToPath(new URL('../../out/fuzz/', import.meta.url));

function keep(format: Format, input: Uint8Array): string {
  mkdirSync(kept, { recursive: true });
  const hash = createHash('sha1').update(input).digest('hex').slice(0, 8);
  const file = join(kept, `${format.name}-${hash}.${format.extension}`);
  writeFileSync(file, input);
  return file;
}

/** What is wrong with an outcome, if anything. */
export function complaint({ error, message, ms, bytes }: Outcome): string | undefined {
  if (error.startsWith('bug')) return `${error}: ${message}`;
  if (ms > limits.ms) return `took ${ms.toFixed(0)} ms`;
  if (bytes > limits.bytes) return `took ${(bytes / 1e6).toFixed(0)} MB`;
  return undefined;
}

function note(tally: Tally, format: Format, outcome: Outcome, input: Uint8Array): void {
  tally.inputs++;
  if (!outcome.error) tally.accepted++;
  else tally.errors[outcome.error] = (tally.errors[outcome.error] ?? 0) + 1;
  tally.slowestMs = Math.max(tally.slowestMs, outcome.ms);
  const message = complaint(outcome);
  if (message !== undefined && tally.findings.every((other) => other.message !== message))
    tally.findings.push({ message, file: keep(format, input) });
}

/** One process until it ends. @returns whether it came to its end by itself. */
function runChild(format: Format, tally: Tally, order: ToChild): Promise<boolean> {
  const child: ChildProcess = fork(new URL('child.ts', import.meta.url), {
    execArgv: [...process.execArgv, `--max-old-space-size=${limits.heapMiB}`],
    serialization: 'advanced',
  });
  let [ended, hung] = [false, false];
  let timer: NodeJS.Timeout | undefined;
  const watch = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, limits.hangMs);
  };
  child.on('message', (message: FromChild) => {
    watch();
    if (message.kind === 'outcome') note(tally, format, message.outcome, message.input);
    if (message.kind === 'end') {
      ended = true;
      tally.peakBytes = Math.max(tally.peakBytes, message.peakBytes);
    }
  });
  child.send(order);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (!ended) {
        if (hung) tally.hangs++;
        else tally.crashes++;
        const how = hung ? 'hangs' : `ends the process (${code ?? signal})`;
        tally.findings.push({ message: how, file: keep(format, readFileSync(order.current)) });
      }
      resolve(ended);
    });
  });
}

/** Fuzzes a format for some time. */
export async function tryFormat(format: Format, seed: number, seconds: number): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'decouple-fuzz-'));
  const current = join(folder, 'current');
  writeFileSync(current, '');
  const tally: Tally = {
    format: format.name,
    inputs: 0,
    accepted: 0,
    errors: {},
    slowestMs: 0,
    peakBytes: 0,
    crashes: 0,
    hangs: 0,
    findings: [],
  };
  try {
    const start = performance.now();
    for (let attempt = 0, left = seconds; left > 0 && attempt < 20; attempt++) {
      const order = { name: format.name, seed: seed + 1000 * attempt, seconds: left, current };
      if (await runChild(format, tally, order)) break;
      left = seconds - (performance.now() - start) / 1000;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return tally;
}
