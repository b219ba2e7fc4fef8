/** What an optimisation did, in terms of the layers of the imported model: as data, and as a table of text. */
import { costOf, type Cost, type Graph } from '@decouple/ir';
import type { PassReport } from '@decouple/pass-manager';
import type { Ledger, LedgerPass } from './ledger.ts';
import {
  formatCount,
  formatRatio,
  formatTable,
  significant,
  tableWidth,
  type Column,
} from './table.ts';

/** Costs of one layer of the imported model before and after, and what passes said about it. */
export interface LayerReport {
  readonly layer: string;
  readonly macsBefore: number;
  readonly macsAfter: number;
  readonly paramsBefore: number;
  readonly paramsAfter: number;
  /** Columns from the passes, e.g. methods, terms and relative error. */
  readonly details: Readonly<Record<string, string | number>>;
}

export interface OptimizeReport {
  /** The pipeline as text. */
  readonly pipeline: string;
  readonly passes: readonly PassReport[];
  /** Costs of the whole network per sample. */
  readonly before: Cost;
  readonly after: Cost;
  /** Layers with MACs, in the order of the network. */
  readonly layers: readonly LayerReport[];
  /** Where the error comes from, when it was asked for. */
  readonly ledger?: Ledger;
  /** Everything as text, at most `width` (100) columns wide. */
  table(width?: number): string;
}

type LayerCosts = ReadonlyMap<string, { readonly macs: number; readonly params: number }>;

function costsByLayer(graph: Graph): LayerCosts {
  const costs = new Map<string, { macs: number; params: number }>();
  for (const node of graph.nodes) {
    const { macs, params } = costOf(graph, node);
    const sum = costs.get(node.origin) ?? { macs: 0, params: 0 };
    costs.set(node.origin, { macs: sum.macs + macs, params: sum.params + params });
  }
  return costs;
}

type Details = Readonly<Record<string, string | number>>;

/** Of two passes the later one counts; methods add up, and what stayed dense stays what it was. */
function mergeDetails(before: Details, after: Details): Details {
  const [old, now] = [before.method, after.method];
  if (typeof old !== 'string' || typeof now !== 'string') return { ...before, ...after };
  if (now === 'dense') return { ...after, ...before };
  const methods = old === 'dense' ? [] : old.split(', ');
  return { ...before, ...after, method: [...new Set([...methods, now])].join(', ') };
}

/** One row per layer that has MACs before or after. */
export function compareLayers(
  before: Graph,
  after: Graph,
  passes: readonly PassReport[],
): LayerReport[] {
  const [old, now] = [costsByLayer(before), costsByLayer(after)];
  const details = new Map<string, Details>();
  for (const { layer, ...columns } of passes.flatMap((pass) => pass.details))
    details.set(layer, mergeDetails(details.get(layer) ?? {}, columns));
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((layer) => ({
      layer,
      macsBefore: old.get(layer)?.macs ?? 0,
      macsAfter: now.get(layer)?.macs ?? 0,
      paramsBefore: old.get(layer)?.params ?? 0,
      paramsAfter: now.get(layer)?.params ?? 0,
      details: details.get(layer) ?? {},
    }))
    .filter(({ macsBefore, macsAfter }) => macsBefore > 0 || macsAfter > 0);
}

const formatCell = (value: string | number | undefined): string =>
  typeof value === 'number' ? significant(value) : (value ?? '');

function layerTable(layers: readonly LayerReport[], width: number): string {
  const columnsOf = new Set(layers.flatMap(({ details }) => Object.keys(details)));
  // Costs have columns of their own.
  const extra = [...columnsOf].filter((name) => !/^(macs|params)/i.test(name));
  const isNumber = (name: string): boolean =>
    layers.every(({ details }) => typeof (details[name] ?? 0) === 'number');
  const columns: Column[] = [
    { header: 'layer' },
    { header: 'MACs before', align: 'right' },
    { header: 'after', align: 'right' },
    { header: 'fewer', align: 'right' },
    ...extra.map((header) => ({
      header,
      align: isNumber(header) ? ('right' as const) : ('left' as const),
    })),
  ];
  const rows = layers.map((row) => [
    row.layer,
    formatCount(row.macsBefore),
    formatCount(row.macsAfter),
    row.macsBefore === row.macsAfter ? '' : formatRatio(row.macsBefore, row.macsAfter),
    ...extra.map((name) => formatCell(row.details[name])),
  ]);
  return formatTable(columns, rows, width);
}

function passTable(passes: readonly PassReport[], width: number): string {
  const statistics = (pass: PassReport): string =>
    Object.entries(pass.statistics)
      .filter(([, value]) => value !== 0)
      .map(([name, value]) => `${name} ${significant(value)}`)
      .join(', ');
  return formatTable(
    [
      { header: 'pass' },
      { header: 'ms', align: 'right' },
      { header: 'rewrites', align: 'right' },
      { header: 'MACs after', align: 'right' },
      { header: 'counted' },
    ],
    passes.map((pass) => [
      pass.name,
      pass.ms.toFixed(0),
      String(pass.rewrites),
      formatCount(pass.after.macs),
      statistics(pass),
    ]),
    width,
  );
}

/** Reasons why nodes were left alone, with the first few names. */
export function skipLines(passes: readonly PassReport[], width = tableWidth): string[] {
  return passes.flatMap((pass) =>
    pass.skipped.map(({ reason, count, nodes }) => {
      const line = `${pass.name} left ${count} alone: ${reason} (${nodes.slice(0, 3).join(', ')}${count > 3 ? ', …' : ''})`;
      return line.length > width ? `${line.slice(0, width - 1)}…` : line;
    }),
  );
}

function costTable(before: Cost, after: Cost): string {
  const row = (name: string, old: number, now: number): string[] => [
    name,
    formatCount(old),
    formatCount(now),
    formatRatio(old, now),
  ];
  return formatTable(
    [
      { header: 'network' },
      { header: 'before', align: 'right' },
      { header: 'after', align: 'right' },
      { header: 'fewer', align: 'right' },
    ],
    [
      row('MACs', before.macs, after.macs),
      row('parameters', before.params, after.params),
      row('bytes moved', before.bytes, after.bytes),
    ],
  );
}

/** Errors below float32's rounding tell nothing. */
const formatError = (value: number): string => (value < 1e-9 ? '0' : significant(value));

/** Errors after each pass, those of the layers at the end, and what passes added to each. */
function ledgerTables({ data, samples, heldOut, passes, worst }: Ledger, width: number): string {
  const nameOf = ({ pass, groups }: Pick<LedgerPass, 'pass' | 'groups'>): string =>
    [...groups, pass].join('/');
  const errors = formatTable(
    [
      { header: 'error after' },
      { header: 'at the outputs', align: 'right' },
      { header: 'most of it added at' },
    ],
    passes.map((entry) => {
      const [most] = entry.changed;
      const added = most && most.added > 0 ? `${most.layer} (${formatError(most.added)})` : '';
      return [nameOf(entry), formatError(entry.output), added];
    }),
    width,
  );
  const changes = passes.flatMap(({ changed }) => changed);
  const layers = formatTable(
    [
      { header: 'layer' },
      { header: 'error of its response', align: 'right' },
      { header: 'added at the outputs', align: 'right' },
    ],
    (passes.at(-1)?.layers ?? []).map(({ layer, error }) => {
      const own = changes.filter((change) => change.layer === layer);
      const added = own.reduce((sum, change) => sum + change.added, 0);
      return [layer, formatError(error), formatError(added)];
    }),
    width,
  );
  const most = worst
    ? `largest part: ${worst.layer}, by ${nameOf(worst)}: ${formatError(worst.added)}`
    : 'no pass added more than rounding';
  return `${errors}\n${layers}\n${most}; on ${samples} samples of ${data}${heldOut ? '' : ', which passes saw'}\n`;
}

/** The report of a run of passes that turned `before` into `after`. */
export function createReport(
  pipeline: string,
  passes: readonly PassReport[],
  graphs: { readonly before: Graph; readonly after: Graph },
  costs: { readonly before: Cost; readonly after: Cost },
  ledger?: Ledger,
): OptimizeReport {
  const layers = compareLayers(graphs.before, graphs.after, passes);
  return {
    pipeline,
    passes,
    ...costs,
    layers,
    ...(ledger && { ledger }),
    table: (width = tableWidth) =>
      [
        layerTable(layers, width),
        passTable(passes, width),
        skipLines(passes, width)
          .map((line) => `${line}\n`)
          .join(''),
        ...(ledger ? [ledgerTables(ledger, width)] : []),
        costTable(costs.before, costs.after),
      ]
        .filter((part) => part !== '')
        .join('\n'),
  };
}
