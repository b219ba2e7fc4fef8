/**
 * How far a long command is, on standard error: a bar on a terminal, else a line every few seconds. Nothing is shown
 * for what is done within a second.
 */
import type { SingleBar } from 'cli-progress';
import type { Io } from './io.ts';

const barAfterMs = 1000;
const lineEveryMs = 5000;

export interface Progress {
  update(done: number, total: number, what: string): void;
  /** Clears the bar; call it in any case. */
  stop(): void;
}

async function createBar(terminal: NodeJS.WriteStream): Promise<SingleBar> {
  const { default: progress } = await import('cli-progress');
  const format = '{label} {bar} {percentage}% | {eta_formatted} | {what}';
  return new progress.SingleBar(
    { stream: terminal, format, barsize: 24, hideCursor: true, clearOnComplete: true },
    progress.Presets.shades_classic,
  );
}

/** Runs `job` with a progress display that is cleared afterwards. */
export async function withProgress<T>(
  io: Io,
  label: string,
  job: (progress: Progress['update']) => Promise<T>,
): Promise<T> {
  const progress = io.terminal ? await barProgress(io.terminal, label) : lineProgress(io, label);
  try {
    return await job((done, total, what) => progress.update(done, total, what));
  } finally {
    progress.stop();
  }
}

async function barProgress(terminal: NodeJS.WriteStream, label: string): Promise<Progress> {
  const started = performance.now();
  const bar = await createBar(terminal);
  const room = Math.max(8, (terminal.columns ?? 80) - label.length - 50);
  return {
    update(done, total, what) {
      const payload = { label, what: what.slice(0, room) };
      if (bar.isActive) {
        bar.setTotal(total);
        bar.update(done, payload);
      } else if (performance.now() - started > barAfterMs) bar.start(total, done, payload);
    },
    stop: () => bar.stop(),
  };
}

function lineProgress(io: Io, label: string): Progress {
  let last = performance.now();
  return {
    update(done, total, what) {
      if (performance.now() - last < lineEveryMs) return;
      last = performance.now();
      io.stderr(`${label}: ${Math.floor((100 * done) / total)} %, ${what}\n`);
    },
    stop: () => undefined,
  };
}
