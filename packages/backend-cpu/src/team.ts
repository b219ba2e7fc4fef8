/** The main thread's side of shared work: numbers the runs, wakes the workers, ends them. See sharing.ts. */
import type { Sharing } from './sharing.ts';
import type { StartWorker, WorkerJob } from './workers.ts';

/** Browsers forbid their main thread to sleep in Atomics.wait; it stays awake instead. */
function maySleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}

export class Team {
  private readonly counters: Int32Array;
  private readonly sharing: Sharing;
  private readonly stops: readonly (() => void)[];
  private readonly sleeps = maySleep() ? 1 : 0;
  private run = 0;

  constructor(sharing: Sharing, job: WorkerJob, startWorker: StartWorker) {
    this.sharing = sharing;
    this.counters = new Int32Array(job.memory.buffer);
    this.stops = Array.from({ length: sharing.threads - 1 }, () => startWorker(job));
  }

  private bump(address: number): void {
    Atomics.add(this.counters, address / 4, 1);
    Atomics.notify(this.counters, address / 4);
  }

  startRun(): void {
    this.run = (this.run + 1) | 0;
    this.bump(this.sharing.base);
  }

  /** Takes part in one shared call. */
  call(shared: (run: number, maySleep: number) => void): void {
    shared(this.run, this.sleeps);
  }

  /** Lets the workers go on after a step that only the main thread can run. */
  finishDelegated(step: number): void {
    const address = this.sharing.delegated.get(step);
    if (address !== undefined) this.bump(address);
  }

  /** Asks the workers to return; those that have not even started are ended. */
  dismiss(): void {
    Atomics.store(this.counters, this.sharing.base / 4 + 1, 1);
    this.bump(this.sharing.base);
    for (const stop of this.stops) stop();
  }
}
