/** Rows shared among worker processes, with progress and an estimate of the time left. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Settings } from './networks.ts';
import { idOf, type Row } from './studies.ts';
import type { Result } from './rows.ts';
import type { Cache } from './trial.ts';
import type { FromWorker, ToWorker } from './worker.ts';

export interface Outcome {
  readonly row: Row;
  readonly result?: Result;
  /** Why there is no result. */
  readonly failed?: string;
}

export interface Work {
  readonly rows: readonly Row[];
  readonly settings: Settings;
  readonly cache: Cache;
  readonly processes: number;
  readonly cachedOnly: boolean;
  readonly log: (line: string) => void;
}

/** Rough share of a row in the whole work. */
const weightOf = ({ network, families, drop }: Row): number =>
  ({ vgg16: 3, resnet20: 1, 'resnet20-akamaster': 1, 'resnet32-akamaster': 2, 'dncnn-25': 4 })[
    network
  ] * (drop === undefined ? 1 : 4 + 1.5 * families.length);

const minutes = (ms: number): string => (ms / 60000).toFixed(1);

/** The worker runs as this process does: from sources. */
const startWorker = (): ChildProcess =>
  fork(fileURLToPath(new URL('worker.ts', import.meta.url)), {
    execArgv: ['--conditions=@decouple/source', '--import', 'tsx'],
  });

/** Has a worker measure a row. */
function measure(
  worker: ChildProcess,
  job: ToWorker,
  log: (line: string) => void,
): Promise<Outcome> {
  const { row } = job;
  return new Promise((resolve) => {
    const finish = (outcome: Omit<Outcome, 'row'>): void => {
      worker.off('message', listen).off('exit', died);
      resolve({ row, ...outcome });
    };
    const died = (code: number | null, signal: string | null): void =>
      finish({ failed: `its process ended with ${signal ?? `code ${code}`}` });
    const listen = (message: FromWorker): void => {
      if (message.kind === 'done') finish({ result: message.result });
      else if (message.kind === 'failed') finish({ failed: message.message });
      else {
        const { ratio, test, seconds } = message.trial;
        log(`  ${idOf(row)}: ${ratio.toFixed(2)}x, ${test.toFixed(2)}, ${seconds.toFixed(0)} s`);
      }
    };
    worker.on('message', listen).on('exit', died);
    worker.send(job);
  });
}

/**
 * Hands out rows, the longest first. Rows of a network share what was planned for one of them, so a process stays with
 * its network, then takes one that no other works on.
 */
export function createQueue(rows: readonly Row[]): (last: Row | undefined) => Row | undefined {
  const left = [...rows].sort((a, b) => weightOf(b) - weightOf(a));
  const begun = new Set<string>();
  return (last) => {
    const next =
      left.find(({ network }) => network === last?.network) ??
      left.find(({ network }) => !begun.has(network)) ??
      left[0];
    if (!next) return undefined;
    left.splice(left.indexOf(next), 1);
    begun.add(next.network);
    return next;
  };
}

/** Measures all rows. @returns outcomes in the order of the rows. */
export async function measureRows(work: Work): Promise<Outcome[]> {
  const { rows, settings, cache, processes, cachedOnly, log } = work;
  const next = createQueue(rows);
  const whole = rows.reduce((sum, row) => sum + weightOf(row), 0);
  const outcomes = new Map<Row, Outcome>();
  const started = performance.now();
  const report = ({ row, result, failed }: Outcome): void => {
    const done = [...outcomes.keys()].reduce((sum, each) => sum + weightOf(each), 0);
    const passed = performance.now() - started;
    const what = failed ?? (result?.best ? `${result.best.ratio.toFixed(2)}x` : 'nothing found');
    log(
      `${idOf(row)}: ${what}; ${outcomes.size} of ${rows.length} rows, ${minutes(passed)} min, about ${minutes((passed * (whole - done)) / done)} min left`,
    );
  };
  const employ = async (): Promise<void> => {
    let worker = startWorker();
    for (let row = next(undefined); row; row = next(row)) {
      if (!worker.connected) worker = startWorker();
      const outcome = await measure(worker, { row, settings, cache, cachedOnly }, log);
      outcomes.set(row, outcome);
      report(outcome);
    }
    worker.disconnect();
  };
  await Promise.all(Array.from({ length: Math.min(processes, rows.length) }, employ));
  return rows.map((row) => outcomes.get(row) as Outcome);
}
