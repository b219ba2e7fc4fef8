/** Groups of bars as SVG, in the style of the plots. */
import { colours, escape, style, ticks } from '../paper/plot.ts';

export interface Group {
  readonly label: string;
  readonly bars: readonly { readonly value: number; readonly text: string }[];
}

export interface Chart {
  readonly title: string;
  readonly xLabel: string;
  /** What the bars of every group stand for, in their order. */
  readonly legend: readonly string[];
  readonly groups: readonly Group[];
}

const width = 760;
const box = { left: 170, right: 90, top: 62, bottom: 46 };
const [thickness, gap] = [12, 14];

/** The chart as a whole file. Bars without a finite value show their text alone. */
export function drawBars({ title, xLabel, legend, groups }: Chart): string {
  const groupHeight = legend.length * thickness + gap;
  const bottom = box.top + groups.length * groupHeight;
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value));
  const most = Math.max(1, ...values.filter(Number.isFinite)) * 1.02;
  const x = (value: number): number => box.left + (value / most) * (width - box.left - box.right);
  const bar = (top: number, { value, text }: Group['bars'][number], index: number): string => {
    const y = top + index * thickness;
    const end = Number.isFinite(value) ? x(value) : box.left;
    return `<rect x="${box.left}" y="${y}" width="${(end - box.left).toFixed(1)}" height="${thickness - 2}" fill="${colours[index]}"/><text x="${(end + 5).toFixed(1)}" y="${y + 9}" style="font-size:10px">${escape(text)}</text>`;
  };
  const group = ({ label, bars }: Group, index: number): string => {
    const top = box.top + index * groupHeight + gap / 2;
    const middle = top + (legend.length * thickness) / 2 + 3;
    return [
      `<text x="${box.left - 10}" y="${middle}" text-anchor="end">${escape(label)}</text>`,
      ...bars.map((each, at) => bar(top, each, at)),
    ].join('\n');
  };
  const key = (label: string, index: number): string => {
    const left = box.left + index * 116;
    return `<rect x="${left}" y="38" width="11" height="11" fill="${colours[index]}"/><text x="${left + 16}" y="48">${escape(label)}</text>`;
  };
  const grid = ticks(0, most, 8).map(
    (tick) =>
      `<line class="grid" x1="${x(tick).toFixed(1)}" x2="${x(tick).toFixed(1)}" y1="${box.top}" y2="${bottom}"/><text x="${x(tick).toFixed(1)}" y="${bottom + 16}" text-anchor="middle">${tick}</text>`,
  );
  const height = bottom + box.bottom;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escape(title)}</title>
${style}
<text class="title" x="24" y="22">${escape(title)}</text>
${legend.map(key).join('\n')}
${grid.join('\n')}
${groups.map(group).join('\n')}
<text x="${(box.left + width - box.right) / 2}" y="${height - 10}" text-anchor="middle">${escape(xLabel)}</text>
</svg>
`;
}
