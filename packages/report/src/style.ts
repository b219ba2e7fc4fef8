/** The style that the parts of a report need, in the report itself and in pages that show the parts. */
import { drawingCss } from './drawing/drawing.tsx';
import { paletteCss } from './palette.ts';

const parts = `
*,::before,::after{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif}
h1,h2,h3{line-height:1.2;margin:0 0 .5em}h1{font-size:1.6rem}h2{font-size:1.2rem}h3{font-size:1rem}
a{color:var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.scroll{overflow:auto;max-width:100%}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums;min-width:100%}
caption{text-align:left;color:var(--muted);padding:.25rem 0}
th,td{padding:.3rem .6rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:middle}
thead th{color:var(--muted);font-weight:600;white-space:nowrap}
tbody th{font-weight:400;overflow-wrap:anywhere;min-width:8rem}
.number{text-align:right;white-space:nowrap}
tr.chosen>*{background:color-mix(in srgb,var(--accent) 18%,transparent)}
.bars{display:inline-grid;gap:2px;width:100%;min-width:6rem;vertical-align:middle}
.bar{display:block;height:6px;border-radius:3px;min-width:2px}
.bar.before{background:var(--before)}.bar.after{background:var(--after)}
.legend{display:flex;align-items:center;gap:.4rem;margin:.25rem 0;color:var(--muted);font-size:.8rem}
.legend .bar{width:1.5rem}
.chart{margin:0}.chart figcaption{color:var(--muted);font-size:.875rem}
.chart dl{margin:.5rem 0;display:grid;gap:.5rem}.chart dt{font-size:.875rem}
.chart dd{margin:0;display:grid;grid-template-columns:minmax(0,1fr) 10rem;gap:.75rem;align-items:center}
.chart .bar{height:10px;border-radius:4px}
.figures{font-size:.875rem;font-variant-numeric:tabular-nums;text-align:right}
pre.pipeline{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--page);border:1px solid var(--line);border-radius:6px;padding:.75rem;margin:0 0 .75rem;font-size:.875rem}
.facts{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;margin:0;font-size:.875rem}.facts div{display:flex;gap:.4rem}
.facts dt{color:var(--muted)}.facts dd{margin:0}
.notes{font-size:.875rem;color:var(--muted);margin:.5rem 0;padding-left:1.25rem}
summary{cursor:pointer}
.panel{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:1rem 1.25rem;min-width:0}
`;

/** CSS of palette, drawings and parts. */
export const reportCss = (): string => paletteCss() + drawingCss() + parts;
