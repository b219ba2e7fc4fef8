/** Line plots as SVG that can be read on light and on dark pages. */

export interface Series {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  /** A level worth seeing, such as the largest drop that is allowed. */
  readonly level?: { readonly y: number; readonly label: string };
  /** Points below are left out. */
  readonly yMin: number;
}

const [width, height] = [760, 440];
const box = { left: 64, top: 40, right: 170, bottom: 52 };
/** Middle tones, which stand out from white and from black. */
export const colours = [
  '#3b82c4',
  '#d9822b',
  '#3d9a50',
  '#c94f4f',
  '#8b6bbf',
  '#8c6d4f',
  '#d062a6',
  '#7f8a99',
  '#a8a02c',
  '#2aa5b0',
];
const dashes = ['', '6 3', '2 3'];

export const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const fixed = (value: number): string => value.toFixed(1);

export const style = `<style>
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-size: 15px }
.grid { stroke: #8884; }
.level { stroke: #888; stroke-dasharray: 5 4 }
polyline { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } }
</style>`;

/** Round values that divide a range into about `count` parts. */
export function ticks(from: number, to: number, count: number): number[] {
  const rough = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) as number);
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

interface Scale {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
}

function axes(
  { xLabel, yLabel }: Plot,
  xs: readonly number[],
  ys: readonly number[],
  { x, y }: Scale,
): string {
  const [bottom, right] = [height - box.bottom, width - box.right];
  return [
    ...xs.map(
      (tick) =>
        `<line class="grid" x1="${fixed(x(tick))}" x2="${fixed(x(tick))}" y1="${box.top}" y2="${bottom}"/><text x="${fixed(x(tick))}" y="${bottom + 18}" text-anchor="middle">${tick}x</text>`,
    ),
    ...ys.map(
      (tick) =>
        `<line class="grid" x1="${box.left}" x2="${right}" y1="${fixed(y(tick))}" y2="${fixed(y(tick))}"/><text x="${box.left - 8}" y="${fixed(y(tick) + 4)}" text-anchor="end">${tick}</text>`,
    ),
    `<text x="${(box.left + right) / 2}" y="${height - 12}" text-anchor="middle">${escape(xLabel)}</text>`,
    `<text transform="translate(16 ${(box.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escape(yLabel)}</text>`,
  ].join('\n');
}

function curve({ label, points }: Series, index: number, { x, y }: Scale): string {
  const colour = colours[index % colours.length] as string;
  const dash = dashes[Math.floor(index / colours.length) % dashes.length] as string;
  const path = points.map(([px, py]) => `${fixed(x(px))},${fixed(y(py))}`).join(' ');
  const line = box.top + 8 + 20 * index;
  const left = width - box.right + 16;
  return [
    `<polyline points="${path}" stroke="${colour}" stroke-dasharray="${dash}"/>`,
    ...points.map(
      ([px, py]) => `<circle cx="${fixed(x(px))}" cy="${fixed(y(py))}" r="3" fill="${colour}"/>`,
    ),
    `<line x1="${left}" x2="${left + 24}" y1="${line}" y2="${line}" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/><text x="${left + 30}" y="${line + 4}">${escape(label)}</text>`,
  ].join('\n');
}

/** The plot as a whole file. Series without points above `yMin` keep their place in the legend. */
export function drawPlot(plot: Plot): string {
  const shown = plot.series.map((series) => ({
    ...series,
    points: series.points.filter(([, y]) => y >= plot.yMin).sort(([a], [b]) => a - b),
  }));
  const all = shown.flatMap(({ points }) => points);
  const xMax = Math.max(1.5, ...all.map(([x]) => x)) * 1.02;
  const yMax = Math.max(plot.yMin + 1e-3, ...all.map(([, y]) => y));
  const yTop = yMax + 0.03 * (yMax - plot.yMin);
  const [right, bottom] = [width - box.right, height - box.bottom];
  const scale: Scale = {
    x: (value) => box.left + ((value - 1) / (xMax - 1)) * (right - box.left),
    y: (value) => bottom - ((value - plot.yMin) / (yTop - plot.yMin)) * (bottom - box.top),
  };
  const level =
    plot.level &&
    `<line class="level" x1="${box.left}" x2="${right}" y1="${fixed(scale.y(plot.level.y))}" y2="${fixed(scale.y(plot.level.y))}"/><text x="${box.left + 6}" y="${fixed(scale.y(plot.level.y) - 5)}">${escape(plot.level.label)}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escape(plot.title)}</title>
${style}
<text class="title" x="${box.left}" y="22">${escape(plot.title)}</text>
${axes(plot, ticks(1, xMax, 7), ticks(plot.yMin, yTop, 6), scale)}
${level ?? ''}
${shown.map((series, index) => curve(series, index, scale)).join('\n')}
</svg>
`;
}
