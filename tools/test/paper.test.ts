/** The paper's tool: what it computes from trials, its plots, and that rows are measured once. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { frontOf, formatRatioAt, writeDocument } from '../paper/document.ts';
import { drawPlot, ticks } from '../paper/plot.ts';
import { createQueue, measureRows } from '../paper/pool.ts';
import { allRows, idOf, type Row } from '../paper/studies.ts';
import type { Trial } from '../paper/trial.ts';

const trial = (ratio: number, test: number): Trial => ({
  pipeline: ratio === 1 ? '' : `decouple{macs=${(1 / ratio).toFixed(4)}x}`,
  macs: 1e6 / ratio,
  params: 1,
  ratio,
  test,
  seconds: 1,
});

it('rows have names of their own, and the paper lists ten of them', () => {
  const rows = allRows(true);
  expect(new Set(rows.map(idOf)).size).toBe(rows.length);
  expect(rows.filter(({ paper }) => paper !== undefined)).toHaveLength(10);
});

it('a process stays with its network, then takes one of its own, then helps others', () => {
  const next = createQueue(allRows(true));
  const [first, second] = [next(undefined), next(undefined)];
  expect(second?.network).not.toBe(first?.network);
  const networks: (string | undefined)[] = [];
  for (let row = second; row; row = next(row)) networks.push(row.network);
  expect(networks).toHaveLength(allRows(true).length - 1);
  const changes = networks.filter((network, at) => at > 0 && network !== networks[at - 1]);
  expect(changes).toHaveLength(new Set(networks).size - 1);
  expect(networks.at(-1)).toBe(first?.network);
});

it('the front leaves out what another trial beats', () => {
  const trials = [trial(2, 91), trial(2.5, 91.5), trial(3, 90)];
  expect(frontOf(trials).map(({ ratio }) => ratio)).toEqual([2.5, 3]);
});

it('the ratio at a drop lies between the trials around it', () => {
  const result = { original: trial(1, 92), trials: [trial(2, 91.5), trial(8, 90.5)] };
  // Half way from a drop of 0.5 to one of 1.5, over the logarithm: √(2·8).
  expect(formatRatioAt(result, 1)).toBe('4.00x');
  expect(formatRatioAt(result, 2)).toBe('> 8.00x');
});

it('ticks are round and within the range', () => {
  expect(ticks(88.02, 92.6, 6)).toEqual([89, 90, 91, 92]);
  expect(ticks(1, 4.08, 7)).toEqual([1, 1.5, 2, 2.5, 3, 3.5, 4]);
});

it('plots are images, and text in them is escaped', async () => {
  const svg = drawPlot({
    title: 'a < b & c',
    xLabel: 'x',
    yLabel: 'y',
    series: [
      {
        label: 'ND',
        points: [
          [1, 92],
          [2, 91],
          [9, 10],
        ],
      },
    ],
    level: { y: 91, label: 'limit' },
    yMin: 88,
  });
  expect(svg).toContain('a &lt; b &amp; c');
  expect(svg.match(/<circle/g)).toHaveLength(2);
  const { width, height } = await sharp(Buffer.from(svg)).metadata();
  expect([width, height]).toEqual([760, 440]);
});

it('measures a row in a worker, and takes it from the cache the next time', async () => {
  const row: Row = {
    section: 'synthetic',
    network: 'resnet20',
    method: 'ND',
    calibration: 'none',
    families: ['fold-batch-norm, decouple{macs=$x}'],
    start: 1.5,
  };
  const failing = { ...row, method: 'nonsense', families: ['no-such-pass{macs=$x}'] };
  const lines: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'paper-'));
  const run = (rows: readonly Row[]) =>
    measureRows({
      rows,
      settings: { quick: true, models: '' },
      cache: { folder, version: 'test' },
      processes: 1,
      cachedOnly: false,
      log: (line) => lines.push(line),
    });
  const outcomes = await run([row, failing]);
  const [first, failed] = outcomes;
  expect(first?.result?.best?.ratio).toBeGreaterThan(1.45);
  // `test-models/README.md`: 1,353 of the 1,500 images of the subset.
  expect(first?.result?.original.test).toBeCloseTo(90.2, 5);
  expect(failed?.failed).toContain('no-such-pass');
  const { markdown } = writeDocument(outcomes, 'A test.');
  expect(markdown).toContain('Rows without a result');
  expect(lines.filter((line) => line.startsWith('  '))).toHaveLength(2);
  lines.length = 0;
  expect((await run([row]))[0]).toEqual(first);
  expect(lines.filter((line) => line.startsWith('  '))).toEqual([]);
}, 120_000);
