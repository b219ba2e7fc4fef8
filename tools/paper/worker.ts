/** A process that measures rows, one at a time; started by pool.ts. */
import { messageOf } from 'decouple';
import { prepareNode } from 'decouple/node';
import { openNetwork, type Network, type NetworkName, type Settings } from './networks.ts';
import type { Row } from './studies.ts';
import { runRow, type Result } from './rows.ts';
import { Bench, type Cache, type Trial } from './trial.ts';

export interface ToWorker {
  readonly row: Row;
  readonly settings: Settings;
  readonly cache: Cache;
  /** Measure nothing anew: a row that lacks a trial fails. */
  readonly cachedOnly: boolean;
}
export type FromWorker =
  | { readonly kind: 'trial'; readonly trial: Trial }
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'failed'; readonly message: string };

const send = (message: FromWorker): void => void process.send?.(message);
/** The network of the last row, with its data: rows of one network come one after the other. */
let opened: { readonly name: NetworkName; readonly network: Promise<Network> } | undefined;

async function work({ row, settings, cache, cachedOnly }: ToWorker): Promise<Result> {
  if (opened?.name !== row.network)
    opened = { name: row.network, network: openNetwork(row.network, settings) };
  const bench = new Bench(row, await opened.network, settings, cache, (trial) =>
    send({ kind: 'trial', trial }),
  );
  if (cachedOnly) bench.run = () => Promise.reject(new Error('not measured to the end'));
  return runRow(row, bench, settings.quick);
}

prepareNode();
process.on('message', (job: ToWorker) => {
  work(job).then(
    (result) => send({ kind: 'done', result }),
    (error: unknown) => send({ kind: 'failed', message: messageOf(error) }),
  );
});
process.on('disconnect', () => process.exit());
