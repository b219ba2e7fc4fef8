/** The benchmark's tool: TensorFlow.js runs the same networks, bars are judged by figures, records come back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generators } from '@decouple/conformance';
import {
  compareOutputs,
  compile,
  createRandom,
  interpret,
  parsePipeline,
  randomInputs,
} from 'decouple';
import { bindSymbols, extractGraph, type Graph } from '@decouple/ir';
import sharp from 'sharp';
import { describe, expect, it, test } from 'vitest';
import { judgeAll, realisedShare, type Find } from '../bench/bars.ts';
import { drawBars } from '../bench/chart.ts';
import { writePage } from '../bench/document.ts';
import { tfjs, type EngineName } from '../bench/engines.ts';
import { networks, pipelineOf, variants } from '../bench/networks.ts';
import { partNames } from '../bench/parts.ts';
import { compiledSizes } from '../bench/sizes.ts';
import { RecordStore, type ByEngine, type Kept, type PartName } from '../bench/records.ts';

const small = { width: 0.125, size: 32, classes: 10 };

describe('TensorFlow.js', () => {
  const graphs: Record<string, () => Graph | Promise<Graph>> = {
    vgg16: () => extractGraph(generators.vgg16(createRandom(1), small), ['pool5']),
    resnet18: () => generators.resnet18(createRandom(1), small),
    'ResNet-20': () => networks['resnet20-cifar10'].make(),
    mobilenetv1: () => generators.mobilenetv1(createRandom(1), small),
    ssd300: () => generators.ssd300(createRandom(1), { ...small, size: 75 }),
  };
  test.each(Object.keys(graphs))('runs %s as the interpreter does', async (name) => {
    const graph = bindSymbols((await graphs[name]?.()) as Graph, { N: 1 });
    const inputs = randomInputs(graph);
    const executable = await compile(graph, tfjs());
    const outputs = await executable.run(inputs);
    executable.dispose();
    expect(compareOutputs(interpret(graph, inputs), outputs).maxRel).toBeLessThan(1e-5);
  });
});

const times = (medianMs: number) => ({ medianMs, fastMs: medianMs, maxRel: 0 });
const by = (figures: Partial<Record<EngineName, number>>): ByEngine =>
  Object.fromEntries(Object.entries(figures).map(([name, ms]) => [name, times(ms)]));

function found(records: Readonly<Record<string, unknown>>): Find {
  return ((part: PartName) =>
    part in records
      ? { part, record: records[part], at: '2026-01-01', load: [0, 0], seconds: 1, version: 'v' }
      : undefined) as Find;
}

const dense = {
  macs: 100,
  limit: { median: 20, best: 20 },
  predictedMs: 10.4,
  times: by({ ours: 10, 'ours, direct': 20, 'onnxruntime-web': 60, 'onnxruntime-node': 9 }),
};

describe('bars', () => {
  it('are judged by what was measured, and only by that', () => {
    const judged = judgeAll(found({ 'dense/vgg16': dense }));
    expect(judged.map(({ met }) => met)).toEqual([
      ...['bar', 'no'],
      ...Array.from({ length: 12 }, () => 'not measured'),
      'aim',
    ]);
    expect(judged[0]?.measured).toBe('6.00x');
    expect(judged.at(-1)?.measured).toBe('4.0 % (vgg16)');
  });
  it('ask the lowest of several figures', () => {
    const records = (ms: number) =>
      found({
        'dense/resnet18': dense,
        'dense/resnet50': dense,
        'dense/mobilenetv1': { ...dense, times: by({ ours: ms, 'onnxruntime-web': 60 }) },
      });
    expect(judgeAll(records(10))[2]?.met).toBe('aim');
    expect(judgeAll(records(19))[2]?.met).toBe('bar');
    expect(judgeAll(records(21))[2]?.met).toBe('no');
  });
  it('count a speed-up against fewer MACs', () => {
    const record = {
      variant: 'ND dw-pw T=2',
      macs: 25,
      dense: by({ ours: 12, 'ours, direct': 20 }),
      times: by({ ours: 6, 'ours, direct': 6.25 }),
    };
    expect(realisedShare(record, 100, 'ours, direct')).toBeCloseTo(0.8);
    expect(realisedShare(record, 100, 'ours')).toBeCloseTo(0.5);
  });
});

test('code, loader and layout of VGG16 compiled ahead of time take at most 60 KB', async () => {
  const { bytes, gzipBytes } = await compiledSizes();
  expect(bytes).toBeGreaterThan(gzipBytes);
  expect(gzipBytes).toBeLessThan(60e3);
});

test('pipelines of all variants are valid in both layouts', () => {
  for (const variant of Object.keys(variants))
    for (const layout of ['wide', 'chains'] as const)
      expect(() => parsePipeline(pipelineOf(variant, layout))).not.toThrow();
});

test('the page tells what is there, what is missing and what is of other sources', async () => {
  const find = found({ 'dense/vgg16': dense });
  const machine = 'a machine';
  const { markdown, pictures } = writePage(find, partNames(false), {
    page: 'a-page',
    machine,
    version: 'w',
    note: '',
  });
  expect(markdown).toContain('| VGG16, convolutions, 224² | 100 | 10 | 20 | 60 |');
  expect(markdown).toContain(
    'Measured with other sources or engines than those at hand: `dense/vgg16`.',
  );
  expect(markdown).not.toMatch(/NaN|undefined/);
  expect([...pictures.keys()]).toEqual(['a-page-networks.svg']);
  for (const svg of pictures.values())
    expect((await sharp(Buffer.from(svg)).metadata()).width).toBe(760);
});

test('bars without a figure keep their text, and text is escaped', async () => {
  const svg = drawBars({
    title: 'a < b',
    xLabel: 'x',
    legend: ['one', 'two'],
    groups: [
      {
        label: 'net',
        bars: [
          { value: 2, text: '2' },
          { value: NaN, text: 'can’t' },
        ],
      },
    ],
  });
  expect(svg).toContain('a &lt; b');
  expect(svg).toContain('can’t');
  expect(svg).not.toContain('NaN');
  expect((await sharp(Buffer.from(svg)).metadata()).format).toBe('svg');
});

test('records come back with the version of the sources', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'decouple-records-'));
  const store = new RecordStore(folder);
  expect(store.find('dense/vgg16')).toBeUndefined();
  const kept = { part: 'dense/vgg16', record: dense, at: '', load: [0, 0], seconds: 1 } as const;
  await store.keep(kept);
  const back: Kept<'dense/vgg16'> | undefined = new RecordStore(folder).find('dense/vgg16');
  expect(back).toEqual({ ...kept, version: store.version });
  rmSync(folder, { recursive: true });
});
