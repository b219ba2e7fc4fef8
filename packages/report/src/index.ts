export { Bars, BarsLegend, type BarsProps } from './bars.tsx';
export type { AccuracyPair, Optimization, ReportData, Settings } from './data.ts';
export type { Box, BoxKind } from './drawing/boxes.ts';
export { drawingOf, type Drawing, type PlacedBox, type PlacedLink } from './drawing/layout.ts';
export {
  drawingCss,
  DrawingView,
  renderDrawing,
  type DrawingViewProps,
} from './drawing/drawing.tsx';
export { formatError, formatMs, formatPercent, formatSetup, formatSpeedup } from './figures.ts';
export { Kernels } from './kernels.tsx';
export { Layers, type LayersProps } from './layers.tsx';
export { LedgerTables, type LedgerProps } from './ledger.tsx';
export { Passes, Refusals, type PassesProps } from './passes.tsx';
export { Provenance, type ProvenanceProps } from './provenance.tsx';
export { renderReport } from './report.tsx';
export { reportCss } from './style.ts';
export { Table, type TableColumn, type TableProps, type TableRow } from './table.tsx';
export { Totals, TotalsChart, type TotalsProps } from './totals.tsx';
