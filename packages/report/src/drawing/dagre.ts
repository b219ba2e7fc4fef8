/** The part of dagre that is used, typed: its own declarations name files without extensions, which Node's rules refuse. */
import * as dagre from '@dagrejs/dagre';

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** A graph to be laid out; places can be read afterwards. */
export interface Plan {
  setGraph(
    options: Readonly<Record<'nodesep' | 'edgesep' | 'ranksep' | 'marginx' | 'marginy', number>>,
  ): void;
  setNode(id: string, size: Size): void;
  setEdge(from: string, to: string, label: object): void;
  graph(): Partial<Size>;
  /** The centre of a node. */
  node(id: string): Point;
  edge(from: string, to: string): { readonly points: readonly Point[] };
}

interface Dagre {
  readonly graphlib: { readonly Graph: new () => Plan };
  readonly layout: (plan: Plan) => void;
}

export const { graphlib, layout } = dagre as unknown as Dagre;
