/** Layer by layer: MACs, parameters and milliseconds before and after, and what passes tell of each. */
/** @jsxRuntime automatic */
/** @jsxImportSource preact */
import { formatCount, measuredSpeeds, significant, type Speed } from 'decouple';
import type { JSX } from 'preact';
import { Bars, BarsLegend } from './bars.tsx';
import type { Optimization } from './data.ts';
import { formatSetup } from './figures.ts';
import { Table, type TableRow } from './table.tsx';

export interface LayersProps {
  readonly optimization: Pick<Optimization, 'layers'>;
  /** Milliseconds are those of the first backend that tells them. */
  readonly speeds: readonly Speed[];
  /** A layer whose row stands out. */
  readonly chosen?: string | undefined;
}

/** Columns of passes that stand in the table already. */
const known = /^(macs|params)/i;

const formatDetail = (value: string | number | undefined): string =>
  typeof value === 'number' ? significant(value) : (value ?? '');

const change = (before: string, after: string): string =>
  before === after ? before : `${before} → ${after}`;

/** The table of layers. */
export function Layers({ optimization, speeds, chosen }: LayersProps): JSX.Element {
  const { layers } = optimization;
  const speed = measuredSpeeds(speeds).find((each) => each.layers.length > 0);
  const times = new Map(speed?.layers.map((each) => [each.layer, each]));
  const details = [...new Set(layers.flatMap((layer) => Object.keys(layer.details)))].filter(
    (name) => !known.test(name),
  );
  const most = Math.max(0, ...layers.flatMap((layer) => [layer.macsBefore, layer.macsAfter]));
  const rowOf = (row: (typeof layers)[number]): TableRow => {
    const time = times.get(row.layer);
    return {
      key: row.layer,
      layer: row.layer,
      chosen: row.layer === chosen,
      cells: [
        row.layer,
        <Bars key="bars" before={row.macsBefore} after={row.macsAfter} most={most} />,
        change(formatCount(row.macsBefore), formatCount(row.macsAfter)),
        change(formatCount(row.paramsBefore), formatCount(row.paramsAfter)),
        ...(speed
          ? [time ? change(significant(time.beforeMs), significant(time.afterMs)) : '']
          : []),
        ...details.map((name) => formatDetail(row.details[name])),
      ],
    };
  };
  return (
    <>
      <BarsLegend />
      <Table
        caption={`Layers of the imported network${speed ? `; milliseconds on ${formatSetup(speed)}` : ''}`}
        columns={[
          { header: 'layer' },
          { header: 'before, after' },
          { header: 'MACs', numbers: true },
          { header: 'parameters', numbers: true },
          ...(speed ? [{ header: 'ms', numbers: true }] : []),
          ...details.map((header) => ({ header, numbers: true })),
        ]}
        rows={layers.map(rowOf)}
      />
    </>
  );
}
