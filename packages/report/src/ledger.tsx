/** Where the error comes from: at the outputs after each pass, and layer by layer at the end. */
/** @jsxRuntime automatic */
/** @jsxImportSource preact */
import type { Ledger, LedgerPass } from 'decouple';
import type { JSX } from 'preact';
import { formatError } from './figures.ts';
import { Table } from './table.tsx';

export interface LedgerProps {
  readonly ledger: Ledger;
  /** A layer whose row stands out. */
  readonly chosen?: string | undefined;
}

const nameOf = ({ groups, pass }: Pick<LedgerPass, 'groups' | 'pass'>): string =>
  [...groups, pass].join('/');

function PassErrors({ ledger }: { ledger: Ledger }): JSX.Element {
  return (
    <Table
      caption="Error after each pass"
      columns={[
        { header: 'after' },
        { header: 'at the outputs', numbers: true },
        { header: 'most of it added at' },
      ]}
      rows={ledger.passes.map((entry, index) => {
        const [most] = entry.changed;
        const added = most && most.added > 0 ? `${most.layer} (${formatError(most.added)})` : '';
        return { key: String(index), cells: [nameOf(entry), formatError(entry.output), added] };
      })}
    />
  );
}

/** The two tables of the ledger, and the worst layer in words. */
export function LedgerTables({ ledger, chosen }: LedgerProps): JSX.Element {
  const { passes, worst, samples, data, heldOut } = ledger;
  const added = new Map<string, number>();
  for (const { layer, added: more } of passes.flatMap(({ changed }) => changed))
    added.set(layer, (added.get(layer) ?? 0) + more);
  return (
    <>
      <p>
        {worst
          ? `The largest part comes from ${worst.layer}, by ${nameOf(worst)}: ${formatError(worst.added)}. `
          : 'No pass added more than rounding. '}
        Errors are squared and relative to the variance of the response: 0 is exact, 1 as good as a
        constant. On {samples} samples of {data}
        {heldOut ? '' : ', which passes saw'}.
      </p>
      <PassErrors ledger={ledger} />
      <Table
        caption="Error of each layer at the end"
        columns={[
          { header: 'layer' },
          { header: 'of its response', numbers: true },
          { header: 'added at the outputs', numbers: true },
        ]}
        rows={(passes.at(-1)?.layers ?? []).map(({ layer, value, error }) => ({
          key: value,
          layer,
          chosen: layer === chosen,
          cells: [layer, formatError(error), formatError(added.get(layer))],
        }))}
      />
    </>
  );
}
