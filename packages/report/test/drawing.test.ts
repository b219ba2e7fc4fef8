import { randomGraphs } from '@decouple/conformance';
import { createRandom, graphBuilder, UnsupportedError } from 'decouple';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagramOf } from '../src/drawing/boxes.ts';
import { drawingOf, renderDrawing, type PlacedBox } from '../src/index.ts';
import { residualNetwork } from './models.ts';

const overlap = (a: PlacedBox, b: PlacedBox): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

describe('diagramOf', () => {
  const { boxes, links } = diagramOf(residualNetwork());

  it('has one box for each node, what merely follows in the box of the node before', () => {
    expect(boxes.map(({ lines }) => lines)).toEqual([
      ['input input', 'N×3×8×8'],
      ['conv 3×3, 3 → 8', 'stem', '+ relu', 'N×8×8×8, 13.8 k MACs'],
      ['depthwise 3×3, 8', 'depthwise', 'N×8×8×8, 4.61 k MACs'],
      ['pointwise, 8 → 8', 'pointwise', 'N×8×8×8, 4.1 k MACs'],
      ['add', 'sum', 'N×8×8×8'],
      ['global-average-pool', 'pool', 'N×8×1×1'],
      ['flatten', 'flat', 'N×8'],
      ['linear, 8 → 6', 'logits', 'N×6, 48 MACs'],
      ['output logits', 'N×6'],
    ]);
    expect(boxes.map(({ kind }) => kind)).toEqual([
      ...['input', 'convolution', 'depthwise', 'pointwise', 'other'],
      ...['pool', 'other', 'linear', 'output'],
    ]);
  });

  it('links boxes by the values between them, not by constants', () => {
    expect(links.map(({ from, to }) => `${from} ${to}`)).toEqual([
      'input:input node:stem',
      'node:stem node:depthwise',
      'node:depthwise node:pointwise',
      'node:pointwise node:sum',
      'node:stem node:sum',
      'node:sum node:pool',
      'node:pool node:flat',
      'node:flat node:logits',
      'node:logits output:logits',
    ]);
  });

  it('leaves a node alone whose input others read, too', () => {
    const b = graphBuilder('shared');
    const x = b.input('x', ['N', 2, 4, 4]);
    const active = b.node('relu', [x], {}, 'first');
    const gate = b.node('sigmoid', [active], {}, 'gate');
    const shared = diagramOf(b.build([b.node('mul', [gate, active], {}, 'product')]));
    expect(shared.boxes.map(({ lines }) => lines[0])).toEqual([
      'input x',
      'relu',
      'sigmoid',
      'mul',
      'output product',
    ]);
  });
});

describe('drawingOf', () => {
  it('places boxes apart, within the drawing, below what they need', () => {
    fc.assert(
      fc.property(randomGraphs, ({ graph }) => {
        const { boxes, links, width, height } = drawingOf(graph);
        boxes.forEach((box, index) => {
          expect(box.x).toBeGreaterThanOrEqual(0);
          expect(box.y).toBeGreaterThanOrEqual(0);
          expect(box.x + box.width).toBeLessThanOrEqual(width);
          expect(box.y + box.height).toBeLessThanOrEqual(height);
          for (const other of boxes.slice(index + 1)) expect(overlap(box, other)).toBe(false);
        });
        for (const { points } of links) expect(points.at(-1)?.[1]).toBeGreaterThan(points[0]![1]);
      }),
      { numRuns: 60 },
    );
  });

  it('gives the same places each time', () => {
    expect(drawingOf(residualNetwork())).toEqual(drawingOf(residualNetwork()));
  });

  it('refuses what is too large, and lines that make it slow', () => {
    const chain = (count: number, back: number) => {
      const b = graphBuilder('chain');
      const values = [b.input('x', ['N', 3])];
      for (let index = 0; index < count; index++) {
        const other = values[Math.max(0, index - back)] as string;
        values.push(b.node('add', [values.at(-1) as string, other], {}, `add${index}`));
      }
      return b.build([values.at(-1) as string]);
    };
    expect(() => drawingOf(chain(1100, 0))).toThrow(
      new UnsupportedError(
        "'chain' is too large to be drawn: 1102 boxes, drawings have at most 1000",
      ),
    );
    expect(() => drawingOf(chain(400, 30))).toThrow(/lines that cross \d+ rows/);
  });
});

describe('renderDrawing', () => {
  it('gives an SVG file with a description of each box', () => {
    const svg = renderDrawing(drawingOf(residualNetwork()));
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg).toContain('<title>conv 3×3, 3 → 8; stem; + relu; N×8×8×8, 13.8 k MACs</title>');
    expect(svg).toContain('prefers-color-scheme:dark');
    expect(svg.match(/<rect/g)).toHaveLength(9);
  });

  it('takes names for text, whatever is in them', () => {
    const svg = renderDrawing(drawingOf(residualNetwork('<script>"&')));
    expect(svg).not.toContain('<script>');
    expect(svg).toContain('&lt;script>');
  });

  it('draws networks without nodes', () => {
    const b = graphBuilder('empty');
    const svg = renderDrawing(drawingOf(b.build([b.input('x', ['N', createRandom(1).below(9)])])));
    expect(svg).toContain('input x');
  });
});
