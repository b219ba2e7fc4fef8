import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { historyOf, parseGraph, preprocessOf, type Backend } from 'decouple';
import { backendByName, checkModel, readModel, readNpy } from 'decouple/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkplace, decouple, decoupleJson, type Workplace } from './support.ts';

let place: Workplace;
beforeAll(async () => {
  place = await createWorkplace();
});
afterAll(() => place.clear());

const macs = 64 * 16 * 27 + 64 * 16 * 144 + 96;
const params = 16 * 27 + 16 * 144 + 96;

describe('inspect', () => {
  it('gives costs, layers and problems as JSON', async () => {
    const result = await decoupleJson<Record<string, unknown>>('inspect', place.model);
    expect(result).toMatchObject({ macs, params, problems: [] });
    expect(result.layers).toContainEqual({
      name: 'conv2',
      op: 'conv2d',
      macs: 64 * 16 * 144,
      params: 2304,
      outputShape: ['N', 16, 8, 8],
    });
  });

  it('binds dynamic sizes', async () => {
    const argv = ['inspect', place.model, '--shape', 'input=4x3x8x8'];
    expect(await decoupleJson(...argv)).toMatchObject({ macs: 4 * macs });
  });

  it('prints a table within 100 columns', async () => {
    const { code, stdout } = await decouple(['inspect', place.model]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/conv2 +conv2d +N×16×8×8 +147 k +2\.3 k/);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });
});

describe('check', () => {
  it('finds nothing wrong with a good model', async () => {
    const argv = ['check', place.model, '--backend', 'cpu'];
    expect(await decoupleJson(...argv)).toEqual({ ok: true, problems: [] });
    expect((await decouple(argv)).stdout).toMatch(/no problems/);
  });

  it('lists problems and exits with 1', async () => {
    const broken = place.path('broken.onnx');
    writeFileSync(broken, readFileSync(place.model).subarray(0, -9));
    const { code, stdout, stderr } = await decouple(['check', broken, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      problems: [{ node: 'broken.onnx', op: 'file' }],
    });
    expect(stderr).toMatch(/broken\.onnx: a problem/);
    expect((await decouple(['check', broken])).stdout).toMatch(/^file 'broken\.onnx': /);
  });

  it('tells what a backend can not run', async () => {
    const refusing = { ...backendByName('reference'), name: 'picky' };
    const supports: Backend['supports'] = (_graph, { op }) =>
      op === 'conv2d' ? { unsupported: 'no convolutions' } : true;
    const { ok, problems } = await checkModel(place.model, { ...refusing, supports });
    expect(ok).toBe(false);
    expect(problems).toEqual(
      ['conv1', 'conv2'].map((node) => ({
        node,
        op: 'conv2d',
        message: "backend 'picky' can't run it: no convolutions",
      })),
    );
  });
});

describe('graph', () => {
  it('draws a network', async () => {
    const { code, stdout } = await decouple(['graph', place.model, '-o', place.path('tiny.svg')]);
    expect([code, stdout]).toEqual([0, `wrote ${place.path('tiny.svg')}\n`]);
    const svg = readFileSync(place.path('tiny.svg'), 'utf8');
    expect(svg).toMatch(/^<svg /);
    expect(svg).toContain('conv 3×3, 16 → 16');
  });

  it('wants to know where to', async () => {
    expect(await decouple(['graph', place.model])).toMatchObject({ code: 2 });
  });
});

describe('optimize', () => {
  it('writes a report with milliseconds, ledger and settings', async () => {
    const [out, report] = [place.path('reported.onnx'), place.path('report.html')];
    const { code, stdout } = await decouple([
      ...['optimize', place.model, '-p', 'decouple{terms=1}', '--seed', '3'],
      ...['--calibrate', place.data, '--samples', '8', '-o', out, '--report', report],
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain(`wrote ${report}`);
    const html = readFileSync(report, 'utf8');
    expect(html).toContain('<title>tiny.onnx, optimised by Decouple</title>');
    expect(html).toContain(`8 images of ${place.data}`);
    expect(html).toContain('<dt>seed</dt><dd>3</dd>');
    expect(html).toMatch(/latency on cpu/);
    expect(html).toContain('Where the error comes from');
  });

  interface Report {
    before: { macs: number; params: number };
    after: { macs: number; params: number };
    passes: { name: string; ms: number; statistics: object; skipped: unknown[] }[];
    layers: { layer: string; macsAfter: number }[];
  }

  it('writes a cheaper model and reports it', async () => {
    const out = place.path('new/fast.onnx');
    const report = await decoupleJson<Report>(
      'optimize',
      place.model,
      '-p',
      'fold-batch-norm, decouple{macs=0.6x}',
      '-o',
      out,
      '--seed',
      '2',
    );
    expect(report.before).toMatchObject({ macs, params });
    expect(report.after.macs).toBeLessThanOrEqual(0.6 * macs);
    expect(report.passes.map(({ name }) => name)).toEqual(['fold-batch-norm', 'decouple']);
    for (const pass of report.passes)
      expect(pass).toMatchObject({
        ms: expect.any(Number) as number,
        skipped: expect.any(Array) as [],
      });
    expect(await decoupleJson('inspect', out)).toMatchObject({ macs: report.after.macs });
  });

  it('calibrates on data, and prints layers, totals and reasons', async () => {
    const { code, stdout, stderr } = await decouple([
      'optimize',
      place.model,
      '-p',
      'decouple{macs=0.6x}',
      '--calibrate',
      place.data,
      '--samples',
      '8',
    ]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/conv2 +147 k/);
    expect(stdout).toMatch(/MACs +175 k/);
    expect(stdout).toMatch(/decouple left \d+ alone: /);
  });
});

describe('eval', () => {
  it('gives percentages', async () => {
    const argv = ['eval', place.model, '--data', place.data, '--backend'];
    const [a, b] = [await decoupleJson(...argv, 'cpu'), await decoupleJson(...argv, 'reference')];
    expect(a).toEqual(b);
    expect(a).toEqual({
      top1: expect.any(Number) as number,
      top5: expect.any(Number) as number,
      count: 12,
    });
  });

  it('normalises as told', async () => {
    const argv = ['eval', place.model, '--data', place.data, '--limit', '6'];
    const { code, stdout } = await decouple([...argv, '--mean', '0,0,0', '--std', '1,1,1']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^top-1 [\d.]+ %, top-5 [\d.]+ % of 6 samples\n$/);
    const wrong = await decouple([...argv, '--mean', '1,2']);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/mean: 2 values given for 3 channels/);
  });
});

describe('run and compare', () => {
  it('writes the output as an array', async () => {
    const out = place.path('y.npy');
    const argv = ['run', place.model, '--input', place.input, '-o', out];
    expect((await decouple([...argv, '--backend', 'reference'])).code).toBe(0);
    expect(readNpy(out).shape).toEqual([2, 6]);
    expect((await decouple([...argv, '--value', 'logit'])).stderr).toMatch(/outputs are logits/);
  });

  it('measures differences of outputs', async () => {
    const same = await decoupleJson('compare', place.model, place.model, '--input', place.input);
    expect(same).toEqual({ maxAbs: 0, maxRel: 0 });
    const out = place.path('half.onnx');
    await decouple(['optimize', place.model, '-p', 'decouple{macs=0.5x}', '-o', out]);
    const gap = await decoupleJson<{ maxRel: number }>('compare', place.model, out);
    expect(gap.maxRel).toBeGreaterThan(1e-4);
  });
});

describe('bench', () => {
  it('measures every model on every backend', async () => {
    const argv = [
      'bench',
      place.model,
      '--rounds',
      '1',
      '--backend',
      'cpu,reference,onnxruntime-node',
    ];
    const { results } = await decoupleJson<{ results: Record<string, unknown>[] }>(...argv);
    expect(results.map(({ backend }) => backend)).toEqual(['cpu', 'reference', 'onnxruntime-node']);
    for (const result of results) {
      expect(result).toMatchObject({ model: place.model });
      expect(result.medianMs).toBeGreaterThan(0);
      expect(result.maxRel).toBeLessThan(1e-4);
    }
  });
});

describe('passes', () => {
  it('documents every option', async () => {
    const passes = await decoupleJson<{ name: string; options: { doc: string }[] }[]>('passes');
    expect(passes.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['fold-batch-norm', 'decouple', 'fuse']),
    );
    for (const { options } of passes) for (const { doc } of options) expect(doc).not.toBe('');
  });

  it('shows one pass, within 100 columns', async () => {
    const { stdout } = await decouple(['passes', 'decouple']);
    expect(stdout).toMatch(/^decouple \(approximate\)\n/);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });
});

describe('convert', () => {
  it('goes from ONNX to .dcpl, to text, and back', async () => {
    const steps = ['step.dcpl', 'step.txt', 'step.onnx'].map((name) => place.path(name));
    let from = place.model;
    for (const to of steps) {
      expect(await decouple(['convert', from, to])).toMatchObject({ code: 0 });
      from = to;
    }
    expect(await decoupleJson('compare', place.model, from)).toEqual({ maxAbs: 0, maxRel: 0 });
    expect(await decoupleJson('check', steps[0] as string)).toEqual({ ok: true, problems: [] });
    expect((await decouple(['convert', place.model, place.path('a.bin')])).code).toBe(1);
  });

  it('records the preprocessing beside the model, and optimize its pipeline and seed', async () => {
    const note = place.path('preprocess.json');
    writeFileSync(note, JSON.stringify({ mean: [0.5, 0.4, 0.3], std: [1, 2, 3] }));
    const out = place.path('noted.dcpl');
    await decouple(['convert', place.model, out]);
    rmSync(note);
    const fast = place.path('noted-fast.onnx');
    await decouple(['optimize', out, '-p', 'fuse', '--seed', '5', '-o', fast]);
    await decouple(['optimize', fast, '-p', 'decouple{terms=1}', '-o', out]);
    const graph = await readModel(out);
    expect(preprocessOf(graph)).toEqual({ mean: [0.5, 0.4, 0.3], std: [1, 2, 3] });
    expect(historyOf(graph)).toMatchObject([
      { pipeline: 'fuse', seed: 5 },
      { pipeline: expect.stringMatching(/^decouple/) as string, seed: 1 },
    ]);
  });

  it.each([
    ['f16', 1.3],
    ['i8', 1.5],
  ])('stores weights as %s', async (weights, ratio) => {
    const [small, again] = [place.path('small.onnx'), place.path('small.dcpl')];
    const whole = place.path('whole.dcpl');
    expect(await decouple(['convert', place.model, small, '--weights', weights])).toMatchObject({
      code: 0,
    });
    expect(await decouple(['convert', place.model, again, '--weights', weights])).toMatchObject({
      code: 0,
    });
    await decouple(['convert', place.model, whole]);
    for (const [large, file] of [
      [place.model, small],
      [whole, again],
    ] as const)
      expect(statSync(large).size / statSync(file).size).toBeGreaterThan(ratio);
    expect(await decoupleJson('compare', small, again)).toEqual({ maxAbs: 0, maxRel: 0 });
    const gap = await decoupleJson<{ maxRel: number }>('compare', place.model, small);
    expect(gap.maxRel).toBeGreaterThan(0);
    const text = ['convert', place.model, place.path('small.txt'), '--weights', weights];
    expect(await decouple(text)).toMatchObject({ code: 2 });
  });

  it('tells of a broken .dcpl as a problem', async () => {
    const broken = place.path('broken.dcpl');
    writeFileSync(broken, 'nothing of the kind');
    const { code, stdout } = await decouple(['check', broken, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ problems: [{ op: 'file', node: 'broken.dcpl' }] });
  });
});

describe('export', () => {
  it('writes ONNX of another operator set, and text that can be read back', async () => {
    const [onnx, text] = [place.path('again.onnx'), place.path('again.txt')];
    expect((await decouple(['export', place.model, '-o', onnx, '--opset', '17'])).code).toBe(0);
    expect((await decouple(['export', place.model, '--text', '-o', text])).code).toBe(0);
    const [first, second] = [await readModel(onnx), parseGraph(readFileSync(text, 'utf8'))];
    expect(first.nodes.map(({ op }) => op)).toEqual(second.nodes.map(({ op }) => op));
    expect((await decouple(['export', place.model, '--text'])).stdout).toContain('conv2 = conv2d(');
    expect(existsSync(`${onnx}.${process.pid}.tmp`)).toBe(false);
  });

  it('writes weights into a second file on demand', async () => {
    const [onnx, fast] = [place.path('external.onnx'), place.path('fast-external.onnx')];
    expect((await decouple(['export', place.model, '-o', onnx, '--external-data'])).code).toBe(0);
    const argv = ['optimize', onnx, '-p', 'fuse', '-o', fast, '--external-data'];
    expect((await decouple(argv)).code).toBe(0);
    expect([onnx, fast].map((path) => existsSync(`${path}.data`))).toEqual([true, true]);
    const gap = await decoupleJson('compare', place.model, fast);
    expect(gap).toMatchObject({ maxRel: expect.closeTo(0, 5) as number });
  });
});
