/** Places of boxes and lines, by the layered method of Sugiyama as dagre implements it. Same diagram: same places. */
import { UnsupportedError, type Graph } from 'decouple';
import { diagramOf, type Box, type Diagram } from './boxes.ts';
import { graphlib, layout } from './dagre.ts';

export interface PlacedBox extends Box {
  /** The upper left corner. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedLink {
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A diagram with places, in pixels. Plain data: workers can send it, files can hold it. */
export interface Drawing {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly PlacedBox[];
  readonly links: readonly PlacedLink[];
}

/** Beyond these, layout takes minutes and nobody sees anything: boxes, and rows that lines cross, over all lines. */
const [mostBoxes, mostCrossed] = [1000, 3000];
const characterWidth = 6.4;
const padding = 12;
/** Height of a line of text. */
export const lineHeight = 15;

const sizeOf = ({ lines }: Box): { width: number; height: number } => ({
  width: Math.ceil(Math.max(...lines.map((line) => line.length)) * characterWidth + 2 * padding),
  height: lines.length * lineHeight + padding,
});

const round = (value: number): number => Math.round(10 * value) / 10;

function place({ name, boxes, links }: Diagram): Drawing {
  const plan = new graphlib.Graph();
  plan.setGraph({ nodesep: 24, edgesep: 12, ranksep: 26, marginx: padding, marginy: padding });
  for (const box of boxes) plan.setNode(box.id, sizeOf(box));
  for (const { from, to } of links) plan.setEdge(from, to, {});
  layout(plan);
  const { width = 0, height = 0 } = plan.graph();
  return {
    name,
    width: Math.ceil(width),
    height: Math.ceil(height),
    boxes: boxes.map((box) => {
      const { x, y } = plan.node(box.id);
      const size = sizeOf(box);
      return { ...box, ...size, x: round(x - size.width / 2), y: round(y - size.height / 2) };
    }),
    links: links.map(({ from, to }) => {
      const { points } = plan.edge(from, to);
      return { points: points.map(({ x, y }) => [round(x), round(y)] as const) };
    }),
  };
}

/** Rows that the lines of a diagram cross when every box stands right below the lowest one that it needs. */
function crossedRows({ links }: Diagram): number {
  const rows = new Map<string, number>();
  const rowOf = (id: string): number => rows.get(id) ?? 0;
  // Lines come in the order of the boxes that they lead to: where one starts, the row is known.
  for (const { from, to } of links) rows.set(to, Math.max(rowOf(to), rowOf(from) + 1));
  return links.reduce((sum, { from, to }) => sum + rowOf(to) - rowOf(from), 0);
}

/**
 * Lays a network out.
 * @throws UnsupportedError when it is too large to be drawn.
 */
export function drawingOf(graph: Graph): Drawing {
  const diagram = diagramOf(graph);
  const refuse = (got: string, most: number): never => {
    throw new UnsupportedError(
      `'${graph.name}' is too large to be drawn: ${got}, drawings have at most ${most}`,
    );
  };
  const { boxes } = diagram;
  if (boxes.length > mostBoxes) refuse(`${boxes.length} boxes`, mostBoxes);
  const crossed = crossedRows(diagram);
  if (crossed > mostCrossed) refuse(`lines that cross ${crossed} rows`, mostCrossed);
  return place(diagram);
}
