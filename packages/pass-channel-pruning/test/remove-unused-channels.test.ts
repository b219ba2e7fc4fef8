import { randomGraphs, testModels } from '@decouple/conformance';
import { constantInput, totalCost, typeOf, type Graph } from '@decouple/ir';
import { createRandom, zeros, type Tensor } from '@decouple/tensor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expectSame, net, plantChoices, randomNetworks, randomTensor, run } from './helpers.ts';

const pass = 'remove-unused-channels';
const widthsOf = (graph: Graph): Record<string, number> =>
  Object.fromEntries(
    graph.nodes
      .filter(({ op }) => op === 'conv2d' || op === 'linear')
      .map((node) => [node.name, typeOf(graph, node.outputs[0] as string).shape[1] as number]),
  );
const opsOf = (graph: Graph): string[] => graph.nodes.map(({ op }) => op);

/** Runs the pass; the function stays, and a second run finds nothing. */
async function clean(graph: Graph) {
  const result = await run(graph, pass);
  expectSame(graph, result.graph);
  const again = await run(result.graph, pass);
  expect(again.report.rewrites).toBe(0);
  return result;
}

describe('channels that nobody reads are removed', () => {
  test('through relu, normalization, pooling and depthwise convolutions; the choice itself goes', async () => {
    const b = net();
    let x = b.conv('first', b.input('x', ['N', 3, 8, 8]), [3, 16, 3]);
    x = b.relu(b.norm('norm', x, 16));
    x = b.conv('depthwise', x, [16, 32, 3], { groups: 16 });
    x = b.node('max-pool', [x], { kernel: [2, 2], stride: [2, 2] });
    x = b.choose('choice', x, [0, 1, 6, 7, 20, 21]);
    x = b.conv('last', x, [6, 4, 3]);
    const { graph, report } = await clean(b.build([x]));
    expect(widthsOf(graph)).toEqual({ first: 3, depthwise: 6, last: 4 });
    expect(opsOf(graph)).toEqual([
      'conv2d',
      'batch-normalization',
      'relu',
      'conv2d',
      'max-pool',
      'conv2d',
    ]);
    expect(report.statistics).toEqual({ channels: 39, gathers: 1 });
    expect(graph.nodes.find(({ name }) => name === 'depthwise')?.attrs).toMatchObject({
      groups: 3,
    });
  });
  test.each(['DCR', 'CRD'] as const)(
    'through transposed convolutions, resizing and pixel shuffles %s',
    async (order) => {
      const b = net();
      const weight = (name: string, shape: number[]): string =>
        b.constant(name, randomTensor(shape, 5, 0.3));
      let x = b.conv('first', b.input('x', ['N', 3, 5, 4]), [3, 8, 3]);
      x = b.node('conv-transpose2d', [x, weight('w', [8, 32, 2, 2])], { stride: [2, 2] });
      x = b.node('normalize', [x], { axes: [2, 3] });
      x = b.node('depth-to-space', [x], { block: 2, order });
      x = b.node('resize', [x], { axes: [2, 3], scales: [0.5, 0.5], mode: 'linear' });
      x = b.choose('choice', x, [1, 2, 6]);
      x = b.node('conv-transpose2d', [x, weight('v', [3, 4, 1, 1])], { groups: 1 }, 'last');
      const { graph } = await clean(b.build([x]));
      expect(opsOf(graph)).not.toContain('gather');
      const up = graph.nodes.find(({ op }) => op === 'conv-transpose2d');
      expect(typeOf(graph, up?.outputs[0] as string).shape[1]).toBe(12);
    },
  );
  test('a choice out of order and repeated is re-indexed', async () => {
    const b = net();
    const x = b.relu(b.conv('first', b.input('x', ['N', 3, 6, 6]), [3, 8, 3]));
    const { graph } = await clean(
      b.build([b.conv('last', b.choose('choice', x, [6, 2, 2, -1]), [4, 4, 1])]),
    );
    expect(widthsOf(graph)).toEqual({ first: 3, last: 4 });
    const choice = graph.nodes.find(({ name }) => name === 'choice');
    expect(choice && Array.from(constantInput(graph, choice, 1)?.data ?? [], Number)).toEqual([
      1, 0, 0, 2,
    ]);
  });
  test('two readers keep what either reads', async () => {
    const b = net();
    const x = b.conv('first', b.input('x', ['N', 3, 6, 6]), [3, 10, 3]);
    const left = b.conv('left', b.choose('a', x, [0, 1, 2]), [3, 4, 1]);
    const right = b.conv('right', b.choose('b', x, [2, 5]), [2, 4, 1]);
    const { graph, reasons } = await clean(b.build([left, right]));
    expect(widthsOf(graph)).toEqual({ first: 4, left: 4, right: 4 });
    expect(reasons).toEqual(['channels that it does not read are read by others']);
  });
  test('through flatten into a linear layer, and back from its zero columns', async () => {
    const b = net();
    let x = b.conv('first', b.input('x', ['N', 3, 4, 4]), [3, 6, 3]);
    x = b.node('flatten', [b.choose('choice', b.relu(x), [1, 4])], {});
    x = b.relu(b.linear('hidden', x, 32, 10));
    x = b.linear('last', b.choose('features', x, [3, 9]), 2, 5);
    const { graph } = await clean(b.build([x]));
    expect(widthsOf(graph)).toEqual({ first: 2, hidden: 2, last: 5 });
    expect(opsOf(graph)).not.toContain('gather');
  });
  test('through reshapes whose sizes are attributes', async () => {
    const b = net();
    let x = b.conv('first', b.input('x', [2, 3, 4, 4]), [3, 6, 3]);
    x = b.node('reshape', [x], { shape: [2, 6, 16] });
    x = b.node('reshape', [b.node('relu', [x])], { shape: [0, 6, 4, 4] });
    x = b.conv('last', b.choose('choice', x, [5, 2]), [2, 4, 1]);
    expect(widthsOf((await clean(b.build([x]))).graph)).toEqual({ first: 2, last: 4 });
  });
  test('through concatenation and slices, which become choices', async () => {
    const b = net();
    const x = b.input('x', ['N', 3, 4, 4]);
    const joined = b.node('concat', [b.conv('a', x, [3, 6, 1]), b.conv('b', x, [3, 5, 1])], {
      axis: 1,
    });
    const part = b.node('slice', [joined], { axes: [1], starts: [4], ends: [9], steps: [2] });
    const { graph } = await clean(b.build([b.conv('last', part, [3, 4, 1])]));
    expect(widthsOf(graph)).toEqual({ a: 1, b: 2, last: 4 });
    expect(opsOf(graph)).toEqual(['conv2d', 'conv2d', 'concat', 'conv2d']);
  });
  test('sums lose the channels that all operands can lose', async () => {
    const b = net();
    const x = b.input('x', ['N', 3, 4, 4]);
    const sum = b.node('add', [b.conv('a', x, [3, 8, 1]), b.conv('b', x, [3, 8, 1])]);
    const { graph } = await clean(
      b.build([b.conv('last', b.choose('choice', b.relu(sum), [0, 3, 4]), [3, 4, 1])]),
    );
    expect(widthsOf(graph)).toEqual({ a: 3, b: 3, last: 4 });
  });
  test('whole layers lose inputs that no output needs any more', async () => {
    const b = net();
    let x = b.input('x', ['N', 3, 4, 4]);
    x = b.conv('first', x, [3, 8, 1]);
    x = b.conv('pairs', x, [8, 8, 1], { groups: 4 });
    x = b.conv('last', b.choose('choice', x, [0, 5]), [2, 4, 1]);
    const { graph } = await clean(b.build([x]));
    expect(widthsOf(graph)).toEqual({ first: 4, pairs: 4, last: 4 });
  });
  test('choices of choices become one', async () => {
    const b = net();
    const x = b.node('relu', [b.input('x', ['N', 8, 4, 4])]);
    const twice = b.choose('second', b.choose('first', x, [7, 5, 3]), [2, 0]);
    const { graph, report } = await clean(b.build([b.node('sigmoid', [twice])]));
    expect(opsOf(graph)).toEqual(['relu', 'gather', 'sigmoid']);
    expect(report.statistics.gathers).toBe(1);
  });
});

describe('channels stay', () => {
  const firstStays = async (graph: Graph, width: number): Promise<string[]> => {
    const result = await clean(graph);
    expect(widthsOf(result.graph)['first']).toBe(width);
    return result.reasons;
  };
  test('at outputs of the network', async () => {
    const b = net();
    const x = b.conv('first', b.input('x', ['N', 3, 4, 4]), [3, 8, 1]);
    const last = b.conv('last', b.choose('choice', x, [0, 3]), [2, 4, 1]);
    expect(await firstStays(b.build([last, x]), 8)).toEqual([
      'channels that nobody reads stay: they are outputs of the network',
    ]);
  });
  test('at inputs', async () => {
    const b = net();
    const x = b.choose('choice', b.input('x', ['N', 8, 4, 4]), [0, 3]);
    expect(await firstStays(b.build([b.conv('first', x, [2, 4, 1])]), 4)).toEqual([
      'channels that nobody reads stay: they are inputs of the network',
    ]);
  });
  test('at an op that mixes channels, on either side', async () => {
    const b = net();
    const x = b.conv('first', b.input('x', ['N', 3, 4, 4]), [3, 8, 1]);
    const mixed = b.node('softmax', [x], { axis: 1 });
    const last = b.conv('last', b.choose('choice', mixed, [0, 3]), [2, 4, 1]);
    expect(await firstStays(b.build([last]), 8)).toEqual([
      "channels that nobody reads stay: an op that can't do without reads or makes them",
    ]);
  });
  test('at a sum with something that needs them', async () => {
    const b = net();
    const x = b.input('x', ['N', 8, 4, 4]);
    const sum = b.node('add', [b.conv('first', x, [8, 8, 1]), x]);
    expect(
      await firstStays(b.build([b.conv('last', b.choose('choice', sum, [0, 3]), [2, 4, 1])]), 8),
    ).toEqual(['channels that nobody reads stay: they are inputs of the network']);
  });
  test('one, where all could go', async () => {
    const b = net();
    const x = b.conv('first', b.input('x', ['N', 3, 4, 4]), [3, 8, 1]);
    const weight = b.constant('w', zeros('float32', [2, 8, 1, 1]));
    await firstStays(b.build([b.node('conv2d', [x, weight])]), 1);
  });
});

/** Checks one network; gives the MACs saved. */
async function check(graph: Graph, inputs?: Readonly<Record<string, Tensor>>): Promise<number> {
  const result = await run(graph, pass);
  expectSame(graph, result.graph, inputs);
  expect((await run(result.graph, pass)).report.rewrites).toBe(0);
  return totalCost(graph).macs - totalCost(result.graph).macs;
}

test('random networks with planted choices keep their function', async () => {
  await fc.assert(
    fc.asyncProperty(randomGraphs, fc.nat(1000), async ({ graph, inputs }, seed) => {
      const saved = await check(plantChoices(graph, createRandom(seed)), inputs);
      expect(saved).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 40, seed: 5 },
  );
});

test('random networks of branches and joins keep their function and lose MACs', async () => {
  let lighter = 0;
  await fc.assert(
    fc.asyncProperty(randomNetworks, async (graph) => {
      if ((await check(graph)) > 0) lighter++;
    }),
    { numRuns: 80, seed: 5 },
  );
  expect(lighter).toBeGreaterThan(30);
});

test.each(testModels())('$name with planted choices', async ({ graph }) => {
  const planted = plantChoices(graph, createRandom(2));
  const result = await run(planted, pass);
  expectSame(planted, result.graph);
  expect(totalCost(result.graph).macs).toBeLessThan(0.97 * totalCost(planted).macs);
});
