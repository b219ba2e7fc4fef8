import {
  convCases,
  convGraph,
  relativeDifference,
  smallNet,
  type ConvCase,
} from '@decouple/conformance';
import { costOf, graphBuilder, totalCost, verify, type Graph } from '@decouple/ir';
import {
  channelDecompositionPasses,
  equivalentKernel,
  factorsOf,
  weightDirections,
} from '@decouple/pass-channel-decomposition';
import { parsePipeline, runPipeline } from '@decouple/pass-manager';
import { createRandom, float32, normals } from '@decouple/tensor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const run = (graph: Graph, text: string) =>
  runPipeline(graph, parsePipeline(text, channelDecompositionPasses), {});

const cases: Record<string, ConvCase> = {
  ...convCases,
  pointwise: { x: [2, 9, 5, 5], kernel: [12, 1, 1], attrs: { stride: [2, 2] } },
  'few inputs, many outputs': { x: [1, 2, 6, 6], kernel: [40, 3, 3] },
};

describe.each(Object.entries(cases))('%s', (_, item) => {
  const graph = convGraph(item);
  const { groups = 1 } = item.attrs ?? {};
  const [outChannels, kh, kw] = item.kernel;
  const size = { inputs: item.x[1] / groups, outputs: outChannels / groups, taps: kh * kw };
  test('the full rank reproduces the layer', async () => {
    const { graph: result } = await run(graph, 'channel-decompose{rank=1000, allowCostlier=true}');
    expect(verify(result)).toEqual([]);
    expect(result.nodes.map(({ name }) => name)).toEqual(['conv/filters', 'conv/pointwise']);
    expect(relativeDifference(graph, result, item.x)).toBeLessThan(1e-5);
  });
  test('a truncated layer computes its equivalent kernel', async () => {
    const { graph: result } = await run(
      graph,
      'channel-decompose{rank=2, multiple=1, allowCostlier=true}',
    );
    const weight = graph.constants.get('w')?.data as Float32Array;
    const each = weight.length / groups;
    const dense = new Float32Array(weight.length);
    for (let group = 0; group < groups; group++) {
      const kernel = weight.subarray(group * each, (group + 1) * each);
      const directions = weightDirections(kernel, size.outputs, 2);
      dense.set(equivalentKernel(factorsOf(directions, size, 2)), group * each);
    }
    const constants = new Map(graph.constants).set(
      'w',
      float32([outChannels, size.inputs, kh, kw], dense),
    );
    expect(relativeDifference({ ...graph, constants }, result, item.x)).toBeLessThan(1e-5);
  });
});

test('the error is the energy of the singular values left out', () => {
  fc.assert(
    fc.property(
      fc.record({
        inputs: fc.integer({ min: 1, max: 9 }),
        outputs: fc.integer({ min: 1, max: 20 }),
        taps: fc.integer({ min: 1, max: 9 }),
      }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer(),
      (size, rank, seed) => {
        const kernel = normals(createRandom(seed), size.inputs * size.outputs * size.taps);
        const directions = weightDirections(kernel, size.outputs, rank);
        const dense = equivalentKernel(factorsOf(directions, size, rank));
        const error = dense.reduce(
          (sum, value, at) => sum + (value - (kernel[at] as number)) ** 2,
          0,
        );
        const left = directions.energy.reduce((rest, value) => rest - value, directions.total);
        expect(Math.abs(error - left) / directions.total).toBeLessThan(1e-10);
      },
    ),
    { numRuns: 60 },
  );
});

describe('what it leaves alone', () => {
  const same: ConvCase = {
    x: [1, 16, 8, 8],
    kernel: [16, 3, 3],
    attrs: { pads: [1, 1, 1, 1] },
  };
  test.each<[string, ConvCase, string, string]>([
    [
      'depthwise',
      { x: [1, 8, 6, 6], kernel: [8, 3, 3], attrs: { groups: 8 } },
      'rank=1',
      'outputs have groups of their own and share no filters',
    ],
    ['skipped', same, 'rank=4, skip=[conv]', 'left dense by option skip'],
    ['too dear', same, 'rank=16', 'does not pay: as many or more MACs than the dense convolution'],
    [
      'a pointwise convolution of full rank',
      { x: [1, 16, 8, 8], kernel: [16, 1, 1] },
      'rank=8',
      'does not pay: as many or more MACs than the dense convolution',
    ],
  ])('%s', async (_, item, options, reason) => {
    const graph = convGraph(item);
    const { graph: result, passes } = await run(graph, `channel-decompose{${options}}`);
    expect(result.nodes).toEqual(graph.nodes);
    expect(passes[0]?.skipped.map((entry) => entry.reason)).toEqual([reason]);
  });
  test.each(['symmetric', 'asymmetric', 'reduced-rank'])(
    'methods that need data refuse to run without: %s',
    async (method) => {
      await expect(run(convGraph(same), `channel-decompose{method=${method}}`)).rejects.toThrow(
        /works on calibration data/,
      );
    },
  );
});

describe('targets', () => {
  const net = smallNet();
  const { macs } = totalCost(net);
  test('a budget of MACs is met closely and never exceeded', async () => {
    for (const share of [0.7, 0.5, 0.35]) {
      const { graph } = await run(net, `channel-decompose{macs=${share}x}`);
      const after = totalCost(graph).macs;
      expect(after).toBeLessThanOrEqual(share * macs);
      expect(after).toBeGreaterThan(share * macs * 0.85);
    }
  });
  test('ranks are rounded up to multiples of channels', async () => {
    const ranks = async (options: string): Promise<unknown[]> => {
      const { passes } = await run(net, `channel-decompose{${options}}`);
      return (passes[0]?.details ?? []).map(({ rank }) => rank);
    };
    expect(await ranks('rank=5')).toEqual([8, 8, 8, 8]);
    expect(await ranks('rank=5, multiple=1')).toEqual([5, 5, 5, 5]);
    const grouped = convGraph(convCases['groups 3'] as ConvCase);
    const { graph } = await run(grouped, 'channel-decompose{rank=2}');
    expect(graph.types.get('conv/filters')?.shape[1]).toBe(12);
  });
  test('a speedup holds for each layer', async () => {
    const { passes } = await run(net, 'channel-decompose{speedup=1.8}');
    const rows = passes[0]?.details ?? [];
    expect(rows.length).toBe(4);
    for (const row of rows)
      expect((row['MACs before'] as number) / (row['MACs after'] as number)).toBeGreaterThanOrEqual(
        1.8,
      );
  });
  test('an energy threshold keeps at least that share, with the lowest rank', async () => {
    const graph = convGraph({
      x: [1, 32, 8, 8],
      kernel: [32, 3, 3],
      attrs: { pads: [1, 1, 1, 1] },
    });
    const { passes } = await run(graph, 'channel-decompose{energy=0.6}');
    const { rank, energy, error } = passes[0]?.details[0] as Record<string, number>;
    const weight = graph.constants.get('w')?.data as Float32Array;
    const { energy: parts, total } = weightDirections(weight, 32, 32);
    const share = (count: number): number =>
      parts.slice(0, count).reduce((sum, value) => sum + value, 0) / total;
    expect(share(rank as number)).toBeGreaterThanOrEqual(0.6);
    expect(share((rank as number) - 4)).toBeLessThan(0.6);
    expect(energy).toBeCloseTo(share(rank as number), 3);
    expect(error).toBeCloseTo(1 - share(rank as number), 2);
  });
  test('a table replaces only the layers it names', async () => {
    const { graph, passes } = await run(net, 'channel-decompose{rank={conv2=8}}');
    expect(graph.nodes.filter(({ op }) => op === 'conv2d').map(({ name }) => name)).toEqual([
      'conv1',
      'conv2/filters',
      'conv2/pointwise',
      'conv3',
      'conv4',
    ]);
    expect(passes[0]?.skipped.map(({ reason }) => reason)).toContain(
      'not asked for by the options',
    );
    await expect(run(net, 'channel-decompose{rank={conv9=2}}')).rejects.toThrow(
      /rank names no layer to decompose: conv9; there are conv1, conv2/,
    );
  });
  test('two targets exclude each other', async () => {
    await expect(run(net, 'channel-decompose{rank=4, energy=0.9}')).rejects.toThrow(
      /rank and energy exclude each other/,
    );
  });
  test('MACs of the new nodes are what the plan counted', async () => {
    const { graph, passes } = await run(net, 'channel-decompose{speedup=1.5}');
    for (const row of passes[0]?.details ?? []) {
      const nodes = graph.nodes.filter(({ origin, op }) => origin === row.layer && op === 'conv2d');
      expect(nodes.reduce((sum, node) => sum + costOf(graph, node).macs, 0)).toBe(
        row['MACs after'],
      );
    }
  });
  test('only the last stage has a bias; fused residuals and activations stay in place', async () => {
    const b = graphBuilder('fused');
    const x = b.input('x', ['N', 16, 6, 6]);
    const weight = b.constant('w', float32([16, 16, 3, 3], normals(createRandom(1), 2304)));
    const bias = b.constant('b', float32([16], normals(createRandom(2), 16)));
    const attrs = {
      pads: [1, 1, 1, 1] as [number, number, number, number],
      activation: { kind: 'relu' as const },
    };
    const graph = b.build([b.node('conv2d', [x, weight, bias, x], attrs, 'conv')]);
    const { graph: result } = await run(graph, 'channel-decompose{rank=16, allowCostlier=true}');
    expect(result.nodes.map(({ inputs }) => inputs.length)).toEqual([2, 4]);
    expect(relativeDifference(graph, result, [1, 16, 6, 6])).toBeLessThan(1e-5);
  });
  test.each([0.7, 0.5, 0.3])('the greedy allocation keeps within the budget: %d', async (share) => {
    const { graph, passes } = await run(net, `channel-decompose{macs=${share}x, allocation=zhang}`);
    expect(totalCost(graph).macs).toBeLessThanOrEqual(share * macs);
    const energies = (passes[0]?.details ?? []).map(({ energy }) => Number(energy ?? 1));
    const other = await run(net, `channel-decompose{macs=${share}x}`);
    const product = (list: readonly number[]): number =>
      list.reduce((all, value) => all * value, 1);
    expect(product(energies)).toBeGreaterThan(
      0.9 * product((other.passes[0]?.details ?? []).map(({ energy }) => Number(energy ?? 1))),
    );
  });
  test('the greedy allocation says what is possible', async () => {
    await expect(run(net, 'channel-decompose{macs=1K, allocation=zhang}')).rejects.toThrow(
      /can't be met; the cheapest form of every layer gives \d+ MACs/,
    );
  });
  test('the same input gives the same bytes', async () => {
    const [a, b] = await Promise.all([
      run(net, 'channel-decompose{macs=0.5x}'),
      run(net, 'channel-decompose{macs=0.5x}'),
    ]);
    expect([...a.graph.constants]).toEqual([...b.graph.constants]);
  });
  test('kernels of zeros stay finite', async () => {
    const graph = convGraph({ x: [1, 16, 6, 6], kernel: [16, 3, 3] });
    const constants = new Map(graph.constants).set(
      'w',
      float32([16, 16, 3, 3], new Float32Array(2304)),
    );
    const { graph: result } = await run({ ...graph, constants }, 'channel-decompose{rank=4}');
    for (const [, value] of result.constants)
      expect([...(value.data as Float32Array)].every(Number.isFinite)).toBe(true);
  });
});
