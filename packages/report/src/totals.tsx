/** The whole network before and after: costs, accuracy, and milliseconds on each backend. */
/** @jsxRuntime automatic */
/** @jsxImportSource preact */
import { formatCount, formatRatio, measuredSpeeds, type Speed } from 'decouple';
import type { JSX } from 'preact';
import { Bars, BarsLegend } from './bars.tsx';
import type { AccuracyPair, Optimization } from './data.ts';
import { formatMs, formatPercent, formatSetup, formatSpeedup } from './figures.ts';
import { Table, type TableRow } from './table.tsx';

export interface TotalsProps {
  readonly optimization: Pick<Optimization, 'before' | 'after'>;
  readonly speeds: readonly Speed[];
  readonly accuracy?: AccuracyPair | undefined;
}

const costRow = (name: string, before: number, after: number): TableRow => ({
  key: name,
  cells: [name, formatCount(before), formatCount(after), `${formatRatio(before, after)} fewer`],
});

function accuracyRow({ before, after, data }: AccuracyPair): TableRow {
  const drop = before.top1 - after.top1;
  return {
    key: 'top-1',
    cells: [
      `top-1 accuracy on ${before.count} images of ${data}`,
      formatPercent(before.top1),
      formatPercent(after.top1),
      drop > 0 ? `${drop.toFixed(2)} points lost` : `${(-drop).toFixed(2)} points won`,
    ],
  };
}

function speedRow(speed: Speed): TableRow {
  const name = `latency on ${formatSetup(speed)}`;
  if ('failed' in speed) return { key: name, cells: [name, 'failed', 'failed', speed.failed] };
  const { beforeMs, afterMs } = speed;
  return {
    key: name,
    cells: [name, formatMs(beforeMs), formatMs(afterMs), formatSpeedup(beforeMs, afterMs)],
  };
}

/** The table of totals. */
export function Totals({ optimization, speeds, accuracy }: TotalsProps): JSX.Element {
  const { before, after } = optimization;
  return (
    <Table
      caption="Before and after, per image"
      columns={[
        { header: 'network' },
        { header: 'before', numbers: true },
        { header: 'after', numbers: true },
        { header: 'change', numbers: true },
      ]}
      rows={[
        ...(accuracy ? [accuracyRow(accuracy)] : []),
        costRow('MACs', before.macs, after.macs),
        costRow('parameters', before.params, after.params),
        ...speeds.map(speedRow),
      ]}
    />
  );
}

/** Bars of MACs and of milliseconds on each backend; each pair by its own scale, for the ratio is what counts. */
export function TotalsChart({ optimization, speeds }: Omit<TotalsProps, 'accuracy'>): JSX.Element {
  const { before, after } = optimization;
  const rows = [
    {
      name: 'MACs',
      before: before.macs,
      after: after.macs,
      text: `${formatCount(before.macs)} → ${formatCount(after.macs)}`,
    },
    ...measuredSpeeds(speeds).map((speed) => ({
      name: formatSetup(speed),
      before: speed.beforeMs,
      after: speed.afterMs,
      text: `${formatMs(speed.beforeMs)} → ${formatMs(speed.afterMs)}`,
    })),
  ];
  return (
    <figure class="chart">
      <figcaption>MACs and milliseconds, before and after</figcaption>
      <BarsLegend />
      <dl>
        {rows.map((row) => (
          <div key={row.name}>
            <dt>{row.name}</dt>
            <dd>
              <Bars {...row} most={Math.max(row.before, row.after)} />
              <span class="figures">{row.text}</span>
            </dd>
          </div>
        ))}
      </dl>
    </figure>
  );
}
