import { compareSpeed, cpu, optimize, reference, UnsupportedError, type Backend } from 'decouple';
import { beforeAll, describe, expect, it } from 'vitest';
import { drawingOf, renderReport, type ReportData } from '../src/index.ts';
import { residualNetwork } from './models.ts';

const refusing: Backend = {
  ...reference(),
  name: 'refusing',
  compile: () => Promise.reject(new UnsupportedError('not on this machine')),
};

async function dataOf(first: string): Promise<ReportData> {
  const before = residualNetwork(first);
  const result = await optimize(before, 'decouple{terms=1}, fuse', { ledger: true, seed: 7 });
  const backends = [cpu(), refusing].map((backend) => ({ backend }));
  return {
    model: 'residual.onnx',
    optimization: result.report,
    settings: {
      seed: 7,
      calibration: { name: 'my images', samples: 64 },
      versions: { decouple: '1.2.3', node: '20.1.2' },
    },
    speeds: await compareSpeed(before, result.graph, backends, { rounds: 1, turnMs: 1 }),
    accuracy: {
      data: 'test images',
      before: { top1: 90, top5: 99, count: 200 },
      after: { top1: 88.5, top5: 98, count: 200 },
    },
    drawing: drawingOf(result.graph),
  };
}

let data: ReportData;
let html: string;
beforeAll(async () => {
  data = await dataOf('stem');
  html = renderReport(data);
});

describe('renderReport', () => {
  it('needs neither network nor script', () => {
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(
      /https?:|src=|url\(|@import/,
    );
    expect(html).not.toContain('<script');
    expect(html).not.toContain('<link');
  });

  it('shows costs, accuracy and milliseconds before and after', () => {
    const { before, after } = data.optimization;
    expect(html).toContain(`${(before.macs / after.macs).toFixed(2)}x fewer`);
    expect(html).toContain('top-1 accuracy on 200 images of test images');
    expect(html).toContain('88.50 %');
    expect(html).toContain('1.50 points lost');
    expect(html).toMatch(/latency on cpu<\/th><td class="number">[\d.]+ ms<\/td>/);
  });

  it('tells what a backend refuses', () => {
    expect(html).toMatch(/latency on refusing.*not on this machine/);
  });

  it('shows layers with bars, the ledger, refusals, kernels and the graph', () => {
    expect(html).toMatch(/<tr data-layer="stem"><th scope="row">stem<\/th>/);
    expect(html).toContain('class="bar after"');
    expect(html).toContain('Error of each layer at the end');
    expect(html).toContain('What passes left alone, and why');
    for (const { reason } of data.optimization.passes.flatMap(({ skipped }) => skipped))
      expect(html).toContain(reason);
    expect(html).toContain('Kernels of the optimised network on cpu');
    expect(html).toContain('<title>output logits; N×6</title>');
  });

  it('says what it takes to get the same again', () => {
    expect(html).toContain('<pre class="pipeline">decouple{terms=1}, fuse</pre>');
    expect(html).toContain('<dt>calibration</dt><dd>64 images of my images</dd>');
    expect(html).toContain('<dt>seed</dt><dd>7</dd>');
    expect(html).toContain('<dt>decouple</dt><dd>1.2.3</dd>');
  });

  it('does without what there is not', () => {
    const { accuracy, drawing, ...rest } = data;
    const { ledger, ...optimization } = data.optimization;
    const short = renderReport({ ...rest, optimization, speeds: [] });
    for (const absent of ['accuracy on', 'Graph of', 'comes from', 'latency on'])
      expect(short).not.toContain(absent);
    expect([accuracy, drawing, ledger]).not.toContain(undefined);
  });

  it('takes names for text, whatever is in them', async () => {
    const hostile = await dataOf('</style><script>alert(1)</script>');
    const text = renderReport({ ...hostile, model: '<img src=x>' });
    expect(text).not.toContain('<script');
    expect(text).not.toContain('<img');
  });
});
