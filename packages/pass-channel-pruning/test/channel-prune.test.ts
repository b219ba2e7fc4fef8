import { interpreterBackend } from '@decouple/backend';
import { createCalibration, tensorDataset, type Calibration } from '@decouple/calibration';
import { testModels } from '@decouple/conformance';
import {
  chooseWithin,
  decomposeLayers,
  macsBudget,
  fitOptions,
  statistics,
} from '@decouple/decomposition';
import {
  constantInput,
  costOf,
  interpret,
  makeNode,
  applyPatch,
  printGraph,
  totalCost,
  typeOf,
  type CostModel,
  type Graph,
} from '@decouple/ir';
import { channelPrune, pruning } from '@decouple/pass-channel-pruning';
import { definePass, pipeline, runPipeline, step } from '@decouple/pass-manager';
import { float32, type Tensor } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { expectSame, inputsFor, net, randomTensor, run } from './helpers.ts';

/** conv → relu → conv → relu → pool → conv → relu → conv → relu → linear. */
function chain(seed = 3): Graph {
  const b = net(seed);
  let x = b.relu(b.conv('conv1', b.input('x', ['N', 3, 10, 10]), [3, 16, 3]));
  x = b.relu(b.conv('conv2', x, [16, 16, 3]));
  x = b.node('max-pool', [x], { kernel: [2, 2], stride: [2, 2] });
  x = b.relu(b.conv('conv3', x, [16, 24, 3]));
  x = b.relu(b.conv('conv4', x, [24, 20, 3]));
  const pooled = b.node('flatten', [b.node('global-average-pool', [x])], {});
  return b.build([b.linear('logits', pooled, 20, 5)]);
}

/** Two residual blocks on a trunk of 16 channels. */
function residual(): Graph {
  const b = net(5);
  let x = b.relu(b.conv('stem', b.input('x', ['N', 3, 8, 8]), [3, 16, 3]));
  for (const block of ['a', 'b']) {
    const inner = b.relu(b.conv(`${block}1`, x, [16, 16, 3]));
    x = b.relu(b.node('add', [b.conv(`${block}2`, inner, [16, 16, 3]), x]));
  }
  const pooled = b.node('flatten', [b.node('global-average-pool', [x])], {});
  return b.build([b.linear('logits', pooled, 16, 5)]);
}

function calibrationOf(graph: Graph, samples = 24): Calibration {
  const shape = typeOf(graph, 'x').shape.slice(1) as number[];
  return createCalibration({
    original: graph,
    dataset: tensorDataset(randomTensor([samples, ...shape], 40)),
    backend: interpreterBackend(),
    seed: 1,
  });
}

const macsOf = (graph: Graph): number => totalCost(graph).macs;
const node = (graph: Graph, name: string) => graph.nodes.find((one) => one.name === name);

/** Mean squared difference of the outputs on images that no fit has seen. */
function errorOn(original: Graph, changed: Graph): number {
  const x = randomTensor([12, ...(typeOf(original, 'x').shape.slice(1) as number[])], 99);
  const [output] = original.outputs as [string];
  const [a, b] = [original, changed].map(
    (graph) => (interpret(graph, { x })[output] as Tensor).data as Float32Array,
  ) as [Float32Array, Float32Array];
  return a.reduce((sum, value, at) => sum + (value - (b[at] as number)) ** 2, 0) / a.length;
}

test('forms are priced by a cost model as they are once producers make fewer channels', async () => {
  const cost: CostModel = {
    name: 'times',
    unit: 'ms',
    cost: (graph, node) => costOf(graph, node).macs * 1e-6,
  };
  for (const graph of [chain(), residual()]) {
    const result = await runPipeline(
      graph,
      pipeline([step(channelPrune, { macs: '0.7x', data: 'off' })]),
      { cost },
    );
    expect(totalCost(result.graph).macs).toBeLessThanOrEqual(0.7 * totalCost(graph).macs);
    const rows = result.passes[0]?.details ?? [];
    const cheaper = rows.filter((row) => Number(row['ms after']) < Number(row['ms before']));
    expect(cheaper.length).toBeGreaterThan(0);
  }
});

describe('weights alone', () => {
  test('a pruned layer is the dense one with zeroed kernel columns', async () => {
    const graph = residual();
    const { graph: pruned } = await run(graph, 'channel-prune{keep={a1=0.5, b2=0.75}}');
    let oracle = graph;
    for (const [name, count] of [
      ['a1', 8],
      ['b2', 12],
    ] as const) {
      const conv = node(oracle, name);
      const weight = conv && (constantInput(oracle, conv, 1) as Tensor<'float32'>);
      if (!conv || !weight) throw new Error(name);
      const norm = (channel: number): number =>
        weight.data.reduce(
          (sum, value, at) => sum + (Math.floor(at / 9) % 16 === channel ? value * value : 0),
          0,
        );
      const kept = Array.from({ length: 16 }, (_, channel) => channel)
        .sort((a, b) => norm(b) - norm(a))
        .slice(0, count);
      const data = weight.data.map((value, at) =>
        kept.includes(Math.floor(at / 9) % 16) ? value : 0,
      );
      const inputs = [conv.inputs[0] as string, `${name}.zeroed`, conv.inputs[2] as string];
      oracle = applyPatch(oracle, {
        remove: [name],
        add: [makeNode('conv2d', name, inputs, conv.attrs as object)],
        constants: [[`${name}.zeroed`, float32(weight.shape, data)]],
      });
    }
    expectSame(oracle, pruned);
  });
  test('keep=1 changes nothing', async () => {
    const graph = chain();
    const result = await run(graph, 'channel-prune{keep=1}');
    expect(printGraph(result.graph)).toBe(printGraph(graph));
    expect(result.report.statistics).toMatchObject({ replaced: 0, channels: 0 });
  });
  test.each(testModels())('$name meets a budget and runs', async ({ graph }) => {
    for (const text of ['macs=0.8x', 'keep=0.5, multiple=2', 'macs=0.8x, method=l1, multiple=1']) {
      const result = await run(graph, `channel-prune{${text}}`);
      if (text.includes('macs'))
        expect(macsOf(result.graph)).toBeLessThanOrEqual(0.8 * macsOf(graph));
      else expect(macsOf(result.graph)).toBeLessThan(macsOf(graph));
      const outputs = interpret(result.graph, inputsFor(graph, 1));
      for (const value of Object.values(outputs))
        expect((value.data as Float32Array).every(Number.isFinite)).toBe(true);
    }
  });
});

describe('costs', () => {
  test('in a chain layers lose filters with the channels that the next one drops', async () => {
    const graph = chain();
    const { graph: pruned, report } = await run(graph, 'channel-prune{keep=0.5}');
    const shapes = ['conv1', 'conv2/pruned', 'conv3/pruned', 'conv4/pruned'].map((name) => {
      const conv = node(pruned, name);
      return conv && constantInput(pruned, conv, 1)?.shape;
    });
    expect(shapes).toEqual([
      [8, 3, 3, 3],
      [8, 8, 3, 3],
      [12, 8, 3, 3],
      [20, 12, 3, 3],
    ]);
    expect(pruned.nodes.map(({ op }) => op)).not.toContain('gather');
    expect(report.statistics).toMatchObject({ replaced: 3, channels: 28, gathers: 3 });
    const saved = report.details.reduce(
      (sum, row) => sum + Number(row['MACs before']) - Number(row['MACs after']),
      0,
    );
    expect(macsOf(graph) - macsOf(pruned)).toBe(saved);
    expect(report.details.map(({ layer, filters }) => [layer, filters])).toEqual([
      ['conv1', 8],
      ['conv2', 8],
      ['conv3', 12],
      ['conv4', 20],
    ]);
  });
  test.each([0.9, 0.7, 0.5])('a budget of %fx is met, and hardly more is taken', async (share) => {
    const graph = chain();
    const { graph: pruned } = await run(graph, `channel-prune{macs=${share}x, multiple=1}`);
    expect(macsOf(pruned)).toBeLessThanOrEqual(share * macsOf(graph));
    expect(macsOf(pruned)).toBeGreaterThan((share - 0.06) * macsOf(graph));
  });
  test('the trunk of a residual network stays; blocks read it through a choice', async () => {
    const graph = residual();
    const { graph: pruned, reasons } = await run(graph, 'channel-prune{keep=0.5}');
    expect(node(pruned, 'stem')?.outputs).toEqual(['stem']);
    expect(typeOf(pruned, 'stem').shape[1]).toBe(16);
    const choices = pruned.nodes.filter(({ op }) => op === 'gather').map(({ name }) => name);
    expect(choices).toEqual(['a1/pruned/channels', 'b1/pruned/channels']);
    expect(reasons).toContain('channels that it does not read are read by others');
    const inner = pruned.nodes.find(({ name }) => name === 'a1/pruned');
    expect(inner && constantInput(pruned, inner, 1)?.shape).toEqual([8, 8, 3, 3]);
  });
  test('numbers of channels are multiples', async () => {
    const { report } = await run(chain(), 'channel-prune{keep=0.6, multiple=8}');
    expect(report.details.map(({ channels }) => channels)).toEqual(['', 8, 8, 16]);
  });
});

describe('with data', () => {
  test('fits beat weights alone on unseen images, and elimination beats the norms of filters', async () => {
    const graph = residual();
    const errors: Record<string, number> = {};
    for (const [name, text] of [
      ['weights', 'method=l1, data=off'],
      ['l1', 'method=l1'],
      ['lasso', 'method=lasso'],
      ['elimination', 'method=elimination'],
      ['relu', 'relu=3'],
    ] as const) {
      const calibration = calibrationOf(graph);
      const { graph: pruned } = await run(graph, `channel-prune{keep=0.5, ${text}}`, {
        calibration,
      });
      calibration.dispose();
      errors[name] = errorOn(graph, pruned);
    }
    expect(errors['l1']).toBeLessThan(0.5 * (errors['weights'] as number));
    expect(errors['lasso']).toBeLessThan(0.5 * (errors['weights'] as number));
    expect(errors['elimination']).toBeLessThan(errors['l1'] as number);
    expect(errors['relu']).toBeLessThan(0.5 * (errors['weights'] as number));
  });
  test('the same input gives the same bytes', async () => {
    const graph = residual();
    const texts = await Promise.all(
      [0, 1].map(async () => {
        const calibration = calibrationOf(graph, 8);
        const result = await run(graph, 'channel-prune{macs=0.7x}', { calibration });
        calibration.dispose();
        return printGraph(result.graph) + JSON.stringify(result.report.details);
      }),
    );
    expect(texts[0]).toBe(texts[1]);
  });
});

describe('left alone', () => {
  test('grouped convolutions and narrow layers, with the reason', async () => {
    const b = net();
    let x = b.relu(b.conv('stem', b.input('x', ['N', 3, 6, 6]), [3, 8, 3]));
    x = b.relu(b.conv('depthwise', x, [8, 8, 3], { groups: 8 }));
    const graph = b.build([b.conv('last', x, [8, 4, 1])]);
    const { graph: pruned, report } = await run(graph, 'channel-prune{keep=0.5}');
    const reasons = Object.fromEntries(report.skipped.map(({ reason, nodes }) => [reason, nodes]));
    expect(reasons).toMatchObject({
      'has too few input channels': ['stem'],
      'grouped convolutions lose channels only with their producers': ['depthwise'],
    });
    // … and they do: the choice of the last layer goes through the depthwise one.
    expect(typeOf(pruned, 'stem/kept').shape[1]).toBe(4);
  });
  test('what reads through an op that mixes channels keeps its producers', async () => {
    const b = net();
    const stem = b.conv('stem', b.input('x', ['N', 3, 6, 6]), [3, 8, 3]);
    const mixed = b.node('softmax', [stem], { axis: 1 });
    const { graph, reasons } = await run(
      b.build([b.conv('last', mixed, [8, 4, 1])]),
      'channel-prune{keep=0.5}',
    );
    expect(typeOf(graph, 'stem').shape[1]).toBe(8);
    expect(reasons.join()).toMatch(/can't do without/);
  });
});

describe('wrong options', () => {
  test.each([
    ['keep=0.5, macs=0.5x', /exclude each other/],
    ['keep={conv9=0.5}', /no layer to prune is named conv9; there are conv2, conv3, conv4/],
    ['macs=0.001x', /can't be met/],
    ['skip=[conv9]', /option skip names no convolution: conv9/],
  ])('%s', async (text, message) => {
    await expect(run(chain(), `channel-prune{${text}}`)).rejects.toThrow(message);
  });
});

test('as one method among others it is chosen within a budget of its own MACs', async () => {
  const mixed = definePass({
    name: 'mixed',
    summary: 'For this test.',
    effect: 'approximate',
    options: z.strictObject({ ...fitOptions }),
    statistics,
    run: (graph, options, context) =>
      decomposeLayers(
        graph,
        {
          pass: 'mixed',
          decomposers: [pruning({ method: 'elimination', multiple: 4 })],
          options,
          choose: (choices, { macs }) => chooseWithin('mixed', choices, macsBudget('0.7x', macs)),
        },
        context,
      ),
  });
  const graph = chain();
  const result = await runPipeline(graph, pipeline([step(mixed)]));
  expect(macsOf(result.graph)).toBeLessThanOrEqual(0.7 * macsOf(graph));
  const { graph: cleaned } = await run(result.graph, 'remove-unused-channels');
  expect(macsOf(cleaned)).toBeLessThan(macsOf(result.graph));
  expectSame(result.graph, cleaned);
});
