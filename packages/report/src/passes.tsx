/** What each pass did, and what it left alone and why. */
/** @jsxRuntime automatic */
/** @jsxImportSource preact */
import { formatCount, significant, type PassReport } from 'decouple';
import type { JSX } from 'preact';
import { Table } from './table.tsx';

export interface PassesProps {
  readonly passes: readonly PassReport[];
}

const nameOf = ({ groups, name }: PassReport): string => [...groups, name].join('/');

const countsOf = ({ statistics }: PassReport): string =>
  Object.entries(statistics)
    .filter(([, value]) => value !== 0)
    .map(([name, value]) => `${name} ${significant(value)}`)
    .join(', ');

/** The table of passes. */
export const Passes = ({ passes }: PassesProps): JSX.Element => (
  <Table
    caption="Passes in the order in which they ran"
    columns={[
      { header: 'pass' },
      { header: 'rewrites', numbers: true },
      { header: 'MACs after', numbers: true },
      { header: 'ms', numbers: true },
      { header: 'counted' },
    ]}
    rows={passes.map((pass, index) => ({
      key: String(index),
      cells: [
        nameOf(pass),
        String(pass.rewrites),
        formatCount(pass.after.macs),
        pass.ms.toFixed(0),
        countsOf(pass),
      ],
    }))}
  />
);

/** Rewrites that were refused: how many, why, and where. */
export function Refusals({ passes }: PassesProps): JSX.Element {
  const rows = passes.flatMap((pass, index) =>
    pass.skipped.map(({ reason, count, nodes }) => ({
      key: `${index} ${reason}`,
      cells: [
        nameOf(pass),
        String(count),
        reason,
        `${nodes.slice(0, 3).join(', ')}${count > 3 ? ', …' : ''}`,
      ],
    })),
  );
  if (!rows.length) return <p>Nothing was left alone.</p>;
  return (
    <Table
      caption="What passes left alone, and why"
      columns={[
        { header: 'pass' },
        { header: 'nodes', numbers: true },
        { header: 'why' },
        { header: 'where' },
      ]}
      rows={rows}
    />
  );
}
