/** A process that measures parts; index.ts starts one for each, so that none leaves anything to the next. */
import { messageOf } from 'decouple';
import { measurePart, type Settings } from './parts.ts';
import type { PartName, Records } from './records.ts';

export interface ToWorker extends Settings {
  readonly part: PartName;
}
export type FromWorker = { readonly record: Records[PartName] } | { readonly failed: string };

process.on('message', ({ part, ...settings }: ToWorker) => {
  const answer = (message: FromWorker): void => void process.send?.(message);
  measurePart(part, settings).then(
    (record) => answer({ record }),
    (error: unknown) => answer({ failed: messageOf(error) }),
  );
});
process.on('disconnect', () => process.exit());
