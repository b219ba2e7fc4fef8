/** A laid-out network as SVG: part of a page, or a file that stands alone. */
/** @jsxRuntime automatic */
/** @jsxImportSource preact */
import type { JSX } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { palette, type ColourName } from '../palette.ts';
import type { BoxKind } from './boxes.ts';
import { lineHeight, type Drawing, type PlacedBox, type PlacedLink } from './layout.ts';

const fills: Readonly<Record<BoxKind, ColourName>> = {
  input: 'end',
  output: 'end',
  convolution: 'convolution',
  depthwise: 'depthwise',
  pointwise: 'pointwise',
  linear: 'linear',
  pool: 'pool',
  unknown: 'unknown',
  other: 'other',
};

/** Rules of style, with colours from wherever the drawing is shown. */
const rules = (colour: (name: ColourName) => string): string =>
  [
    `.drawing{font:12px system-ui,sans-serif;background:${colour('surface')}}`,
    `.drawing text{fill:${colour('text')};text-anchor:middle}`,
    `.drawing .title{font-weight:600}`,
    `.drawing .detail{fill:${colour('muted')}}`,
    `.drawing rect{stroke:${colour('line')};stroke-width:1}`,
    `.drawing .chosen rect{stroke:${colour('accent')};stroke-width:3}`,
    `.drawing path{fill:none;stroke:${colour('muted')};stroke-width:1.2}`,
    `.drawing polygon{fill:${colour('muted')}}`,
    ...Object.entries(fills).map(([kind, name]) => `.drawing .${kind} rect{fill:${colour(name)}}`),
  ].join('');

/** Style of drawings in a page that declares the palette. */
export const drawingCss = (): string => rules((name) => `var(--${name})`);

/** Style of a drawing by itself: programs other than browsers may know neither variables nor dark surroundings. */
const standaloneCss = (): string =>
  `${rules((name) => palette[name][0])}@media (prefers-color-scheme:dark){${rules((name) => palette[name][1])}}`;

/** A curve through the points of a line, straight at both ends. */
function curve(points: PlacedLink['points']): string {
  const [first = [0, 0], ...rest] = points;
  const last = rest.at(-1) ?? first;
  const bends = rest.slice(0, -1).map(([x, y], index) => {
    const [nextX, nextY] = rest[index + 1] ?? last;
    return `Q${x} ${y} ${(x + nextX) / 2} ${(y + nextY) / 2}`;
  });
  return `M${first.join(' ')}${bends.join('')}L${last.join(' ')}`;
}

function LinkLine({ points }: PlacedLink): JSX.Element {
  const [x, y] = points.at(-1) ?? [0, 0];
  return (
    <>
      <path d={curve(points)} />
      <polygon points={`${x},${y} ${x - 4},${y - 7} ${x + 4},${y - 7}`} />
    </>
  );
}

function BoxShape({ box, chosen }: { box: PlacedBox; chosen: boolean }): JSX.Element {
  const { x, y, width, height, kind, lines, description, layer } = box;
  const isEnd = kind === 'input' || kind === 'output';
  return (
    <g class={chosen ? `${kind} chosen` : kind} data-layer={layer}>
      <title>{description}</title>
      <rect x={x} y={y} width={width} height={height} rx={isEnd ? height / 2 : 6} />
      {lines.map((line, index) => (
        <text
          key={index}
          class={index === 0 ? 'title' : 'detail'}
          x={x + width / 2}
          y={y + lineHeight * (index + 1) + 2}
        >
          {line}
        </text>
      ))}
    </g>
  );
}

export interface DrawingViewProps {
  readonly drawing: Drawing;
  /** A layer whose boxes stand out. */
  readonly chosen?: string | undefined;
  /** Style to carry along, for a drawing by itself. */
  readonly css?: string;
}

/** The drawing; its boxes have the name of their layer as `data-layer`. */
export function DrawingView({ drawing, chosen, css }: DrawingViewProps): JSX.Element {
  const { name, width, height, boxes, links } = drawing;
  return (
    <svg
      xmlns="http://www.w3.org/2000/svg"
      class="drawing"
      role="img"
      aria-label={`Graph of ${name}, ${boxes.length} boxes from inputs to outputs`}
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
    >
      {css !== undefined && <style dangerouslySetInnerHTML={{ __html: css }} />}
      {links.map((link, index) => (
        <LinkLine key={index} {...link} />
      ))}
      {boxes.map((box) => (
        <BoxShape key={box.id} box={box} chosen={chosen !== undefined && box.layer === chosen} />
      ))}
    </svg>
  );
}

/** The drawing as an SVG file, which follows light and dark surroundings where the program that shows it can. */
export const renderDrawing = (drawing: Drawing): string =>
  `${renderToString(<DrawingView drawing={drawing} css={standaloneCss()} />)}\n`;
