import { interpreterBackend } from '@decouple/backend';
import {
  createCalibration,
  syntheticDataset,
  tensorDataset,
  type Dataset,
} from '@decouple/calibration';
import { relativeError, smallNet, texturedImages } from '@decouple/conformance';
import { costOf, totalCost, verify, type CostModel, type Graph } from '@decouple/ir';
import { parsePipeline, runPipeline } from '@decouple/pass-manager';
import { divergenceFrom, searchPasses } from '@decouple/search';
import { describe, expect, test } from 'vitest';

const net = smallNet();
const pictures = tensorDataset(texturedImages(48, 1));
const held = texturedImages(16, 99);

async function run(text: string, dataset: Dataset | 'none' = pictures, cost?: CostModel) {
  const calibration =
    dataset === 'none'
      ? undefined
      : createCalibration({
          original: net,
          dataset,
          backend: interpreterBackend(),
          batchSize: 16,
          seed: 1,
        });
  try {
    const steps = parsePipeline(text, searchPasses);
    const { graph, passes } = await runPipeline(net, steps, { calibration, seed: 1, cost });
    expect(verify(graph)).toEqual([]);
    const methods = passes[0]?.details.map(({ method }) => String(method)) ?? [];
    return { graph, methods: new Set(methods), passes };
  } finally {
    calibration?.dispose();
  }
}

const share = (graph: Graph): number => totalCost(graph).macs / totalCost(net).macs;

describe('decompose', () => {
  test('mixes methods, within the budget', async () => {
    const { graph, methods } = await run('decompose{macs=0.5x}');
    expect(share(graph)).toBeLessThanOrEqual(0.5);
    expect(share(graph)).toBeGreaterThan(0.45);
    expect(methods.size).toBeGreaterThan(1);
  });
  test('the mixture beats at least the worst of the methods alone, on images it has not seen', async () => {
    const errorOf = async (text: string): Promise<number> =>
      relativeError((await run(text)).graph, net, held);
    const alone: number[] = [];
    for (const method of ['decouple', 'spatial', 'channel'])
      alone.push(await errorOf(`decompose{macs=0.5x, methods=[${method}]}`));
    expect(await errorOf('decompose{macs=0.5x}')).toBeLessThan(Math.max(...alone));
  });
  test.each([
    'methods=[decouple, spatial], allocation=uniform',
    'methods=[decouple, spatial], allocation=greedy',
    'methods=[decouple, spatial], sensitivity=0.5',
    'methods=[prune, decouple]',
  ])('meets the budget with %s', async (option) => {
    const { graph } = await run(`decompose{macs=0.6x, ${option}}`);
    expect(share(graph)).toBeLessThanOrEqual(0.6);
    expect(relativeError(graph, net, held)).toBeLessThan(0.6);
  });
  test('works from the weights alone, and better on synthetic images than on none', async () => {
    const text = 'decompose{macs=0.5x}';
    const alone = (await run(text, 'none')).graph;
    expect(share(alone)).toBeLessThanOrEqual(0.5);
    const drawn = syntheticDataset({
      sampleShape: [3, 10, 10],
      samples: 48,
      preprocess: { mean: [0.5], std: [0.25] },
    });
    const synthetic = (await run(text, drawn)).graph;
    expect(relativeError(synthetic, net, held)).toBeLessThan(relativeError(alone, net, held));
  });
  test('measured allocations need data', async () => {
    await expect(run('decompose{allocation=greedy}', 'none')).rejects.toThrow(
      'needs calibration data',
    );
    await expect(run('decompose{sensitivity=0.5, data=off}')).rejects.toThrow(
      'data=off excludes them',
    );
  });
  test('budgets that cannot be met are refused with what can', async () => {
    await expect(run('decompose{macs=1K}')).rejects.toThrow(/can't be met.*gives \d+ MACs/);
    await expect(run('decompose{macs=1K, allocation=uniform}')).rejects.toThrow("can't be met");
  });
});

/** Milliseconds that grow with the MACs, more steeply where a convolution has groups. */
const timesWith = (grouped: number): CostModel => ({
  name: 'times',
  unit: 'ms',
  cost: (graph, node) => {
    const factor = node.op === 'conv2d' && node.attrs.groups > 1 ? grouped : 1;
    return factor * costOf(graph, node).macs * 1e-6;
  },
});

describe('budgets in milliseconds', () => {
  test('are those of MACs where times grow with the MACs', async () => {
    const [byMacs, byTime] = [
      await run('decompose{macs=0.5x, methods=[decouple, spatial]}'),
      await run('decompose{ms=0.5x, methods=[decouple, spatial]}', pictures, timesWith(1)),
    ];
    expect(share(byTime.graph)).toBeCloseTo(share(byMacs.graph), 2);
    for (const row of byTime.passes[0]?.details ?? [])
      expect(row['ms after']).toBeCloseTo(Number(row['MACs after']) * 1e-6, 5);
  });
  test('leave out what is slow, and say so', async () => {
    const { passes, methods } = await run(
      'decompose{ms=0.6x, methods=[decouple, spatial]}',
      pictures,
      timesWith(1000),
    );
    expect([...methods]).not.toContain('dw-pw');
    expect(passes[0]?.statistics['replaced']).toBeGreaterThan(0);
    const refused = await run('decompose{methods=[decouple]}', 'none', timesWith(1000)).catch(
      String,
    );
    expect(refused).toContain("can't be met");
    const none = await run('decompose{methods=[decouple], macs=1x}', pictures, timesWith(1000));
    expect(none.passes[0]?.skipped.map(({ reason }) => reason)).toContain(
      'no form pays: all take as many or more ms',
    );
  });
  test('need a model of times', async () => {
    await expect(run('decompose{ms=0.5x}')).rejects.toThrow('needs a cost model in ms');
    await expect(run('decompose{ms=0.5x, macs=0.5x}')).rejects.toThrow('exclude each other');
  });
});

describe('divergence', () => {
  test('is nothing from itself, and grows with what is left out', async () => {
    const calibration = createCalibration({
      original: net,
      dataset: pictures,
      backend: interpreterBackend(),
      batchSize: 16,
    });
    const divergence = divergenceFrom(calibration);
    expect(await divergence(net)).toBeCloseTo(0, 12);
    const [mild, harsh] = [
      (await run('decompose{macs=0.7x, methods=[spatial]}')).graph,
      (await run('decompose{macs=0.3x, methods=[spatial]}')).graph,
    ];
    const small = await divergence(mild);
    expect(small).toBeGreaterThan(0);
    expect(await divergence(harsh)).toBeGreaterThan(small);
    calibration.dispose();
  });
});
