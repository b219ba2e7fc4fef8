import {
  convCases,
  convGraph,
  relativeDifference,
  smallNet,
  type ConvCase,
} from '@decouple/conformance';
import { costOf, graphBuilder, totalCost, verify, type Graph } from '@decouple/ir';
import { parsePipeline, runPipeline } from '@decouple/pass-manager';
import {
  decomposeWeights,
  equivalentKernel,
  spatialDecompositionPasses,
  type Order,
  type Split,
} from '@decouple/pass-spatial-decomposition';
import { createRandom, float32, normals } from '@decouple/tensor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const run = (graph: Graph, text: string) =>
  runPipeline(graph, parsePipeline(text, spatialDecompositionPasses), {});
const orders: readonly Order[] = ['vertical-first', 'horizontal-first'];

const cases: Record<string, ConvCase> = {
  ...Object.fromEntries(
    Object.entries(convCases).filter(([, { kernel }]) => Math.min(...kernel.slice(1)) > 1),
  ),
  '3x5, different strides': {
    x: [2, 6, 9, 11],
    kernel: [7, 3, 5],
    attrs: { stride: [2, 3], dilation: [1, 2], pads: [1, 3, 0, 4] },
  },
  depthwise: { x: [1, 8, 8, 8], kernel: [8, 5, 5], attrs: { groups: 8, pads: [2, 2, 2, 2] } },
};

describe.each(Object.entries(cases))('%s', (_, item) => {
  const graph = convGraph(item);
  const { groups = 1 } = item.attrs ?? {};
  const [outChannels, kh, kw] = item.kernel;
  const size = { inputs: item.x[1] / groups, outputs: outChannels / groups };
  test.each(orders)('the full rank reproduces the layer: %s', async (order) => {
    const { graph: result } = await run(
      graph,
      `spatial-decompose{rank=1000, order=${order}, allowCostlier=true}`,
    );
    expect(verify(result)).toEqual([]);
    const names = result.nodes.map(({ name }) => name);
    expect(names).toEqual(
      order === 'vertical-first'
        ? ['conv/vertical', 'conv/horizontal']
        : ['conv/horizontal', 'conv/vertical'],
    );
    expect(relativeDifference(graph, result, item.x)).toBeLessThan(1e-5);
  });
  test.each(orders)('a truncated layer computes its equivalent kernel: %s', async (order) => {
    const { graph: result } = await run(
      graph,
      `spatial-decompose{rank=2, multiple=1, order=${order}, allowCostlier=true}`,
    );
    const split: Split = {
      order,
      ...size,
      firstTaps: order === 'vertical-first' ? kh : kw,
      secondTaps: order === 'vertical-first' ? kw : kh,
    };
    const weight = graph.constants.get('w')?.data as Float32Array;
    const each = weight.length / groups;
    const dense = new Float32Array(weight.length);
    for (let group = 0; group < groups; group++) {
      const kernel = weight.subarray(group * each, (group + 1) * each);
      dense.set(equivalentKernel(decomposeWeights(kernel, split, 2), split), group * each);
    }
    const constants = new Map(graph.constants).set(
      'w',
      float32([outChannels, size.inputs, kh, kw], dense),
    );
    expect(relativeDifference({ ...graph, constants }, result, item.x)).toBeLessThan(1e-5);
  });
});

test('the error is the energy of the singular values left out, whatever the order', () => {
  fc.assert(
    fc.property(
      fc.record({
        order: fc.constantFrom(...orders),
        inputs: fc.integer({ min: 1, max: 9 }),
        outputs: fc.integer({ min: 1, max: 9 }),
        firstTaps: fc.integer({ min: 2, max: 5 }),
        secondTaps: fc.integer({ min: 2, max: 5 }),
      }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer(),
      (split, rank, seed) => {
        const size = split.inputs * split.outputs * split.firstTaps * split.secondTaps;
        const kernel = normals(createRandom(seed), size);
        const { energy, total, ...factors } = decomposeWeights(kernel, split, rank);
        const dense = equivalentKernel(factors, split);
        const error = dense.reduce(
          (sum, value, at) => sum + (value - (kernel[at] as number)) ** 2,
          0,
        );
        const left = energy.reduce((rest, value) => rest - value, total);
        expect(Math.abs(error - left) / total).toBeLessThan(1e-10);
      },
    ),
    { numRuns: 60 },
  );
});

describe('what it leaves alone', () => {
  const pads = [1, 1, 1, 1] as const;
  const same: ConvCase = { x: [1, 16, 8, 8], kernel: [16, 3, 3], attrs: { pads: [...pads] } };
  test.each<[string, ConvCase, string, string]>([
    [
      'pointwise',
      { x: [1, 8, 4, 4], kernel: [8, 1, 1] },
      'rank=1',
      'pointwise convolutions have nothing to separate',
    ],
    [
      'vertical',
      { x: [1, 8, 6, 6], kernel: [8, 3, 1] },
      'rank=1',
      'already along one axis; channel-decompose can still lower its rank',
    ],
    [
      'horizontal',
      { x: [1, 8, 6, 6], kernel: [8, 1, 5] },
      'rank=1',
      'already along one axis; channel-decompose can still lower its rank',
    ],
    ['skipped', same, 'rank=4, skip=[conv]', 'left dense by option skip'],
    ['too dear', same, 'rank=24', 'does not pay: as many or more MACs than the dense convolution'],
  ])('%s', async (_, item, options, reason) => {
    const graph = convGraph(item);
    const { graph: result, passes } = await run(graph, `spatial-decompose{${options}}`);
    expect(result.nodes).toEqual(graph.nodes);
    expect(passes[0]?.skipped.map((entry) => entry.reason)).toEqual([reason]);
  });
});

describe('targets', () => {
  const net = smallNet();
  const { macs } = totalCost(net);
  test('a budget of MACs is met closely and never exceeded', async () => {
    for (const share of [0.7, 0.5, 0.35]) {
      const { graph } = await run(net, `spatial-decompose{macs=${share}x}`);
      const after = totalCost(graph).macs;
      expect(after).toBeLessThanOrEqual(share * macs);
      expect(after).toBeGreaterThan(share * macs * 0.85);
    }
  });
  test('ranks are rounded up to multiples of channels', async () => {
    const ranks = async (options: string): Promise<unknown[]> => {
      const { passes } = await run(net, `spatial-decompose{${options}}`);
      return (passes[0]?.details ?? []).map(({ rank }) => rank);
    };
    // Rank 8 does not pay in the first layer.
    expect(await ranks('rank=5')).toEqual([undefined, 8, 8, 8]);
    expect(await ranks('rank=5, multiple=1')).toEqual([5, 5, 5, 5]);
    const grouped = convGraph(convCases['groups 3'] as ConvCase);
    const { graph } = await run(grouped, 'spatial-decompose{rank=2, order=vertical-first}');
    expect(graph.types.get('conv/vertical')?.shape[1]).toBe(12);
  });
  test('a speedup holds for each layer', async () => {
    const { passes } = await run(net, 'spatial-decompose{speedup=1.8}');
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
    const { passes } = await run(graph, 'spatial-decompose{energy=0.6, order=vertical-first}');
    const { rank, energy, error } = passes[0]?.details[0] as Record<string, number>;
    const weight = graph.constants.get('w')?.data as Float32Array;
    const split: Split = {
      order: 'vertical-first',
      inputs: 32,
      outputs: 32,
      firstTaps: 3,
      secondTaps: 3,
    };
    const { energy: parts, total } = decomposeWeights(weight, split, 96);
    const share = (count: number): number =>
      parts.slice(0, count).reduce((sum, value) => sum + value, 0) / total;
    expect(share(rank as number)).toBeGreaterThanOrEqual(0.6);
    expect(share((rank as number) - 4)).toBeLessThan(0.6);
    expect(energy).toBeCloseTo(share(rank as number), 3);
    expect(error).toBeCloseTo(1 - share(rank as number), 2);
  });
  test('strided layers go through the order that costs less, all else being equal', async () => {
    const graph = convGraph({
      x: [1, 16, 16, 16],
      kernel: [16, 3, 3],
      attrs: { stride: [4, 1], pads: [1, 1, 1, 1] },
    });
    const { passes } = await run(graph, 'spatial-decompose{speedup=2}');
    expect(passes[0]?.details[0]?.method).toBe('vertical-horizontal');
  });
  test('a table replaces only the layers it names', async () => {
    const { graph, passes } = await run(
      net,
      'spatial-decompose{rank={conv2=8}, order=vertical-first}',
    );
    expect(graph.nodes.filter(({ op }) => op === 'conv2d').map(({ name }) => name)).toEqual([
      'conv1',
      'conv2/vertical',
      'conv2/horizontal',
      'conv3',
      'conv4',
    ]);
    expect(passes[0]?.skipped.map(({ reason }) => reason)).toContain(
      'not asked for by the options',
    );
    await expect(run(net, 'spatial-decompose{rank={conv9=2}}')).rejects.toThrow(
      /rank names no layer to decompose: conv9; there are conv1, conv2/,
    );
  });
  test('two targets exclude each other', async () => {
    await expect(run(net, 'spatial-decompose{rank=4, energy=0.9}')).rejects.toThrow(
      /rank and energy exclude each other/,
    );
  });
  test('MACs of the new nodes are what the plan counted', async () => {
    for (const order of orders) {
      const { graph, passes } = await run(net, `spatial-decompose{speedup=1.5, order=${order}}`);
      for (const row of passes[0]?.details ?? []) {
        const nodes = graph.nodes.filter(
          ({ origin, op }) => origin === row.layer && op === 'conv2d',
        );
        expect(nodes.reduce((sum, node) => sum + costOf(graph, node).macs, 0)).toBe(
          row['MACs after'],
        );
      }
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
    const { graph: result } = await run(
      graph,
      'spatial-decompose{rank=48, order=vertical-first, allowCostlier=true}',
    );
    expect(result.nodes.map(({ inputs }) => inputs.length)).toEqual([2, 4]);
    expect(relativeDifference(graph, result, [1, 16, 6, 6])).toBeLessThan(1e-5);
  });
  test('the same input gives the same bytes', async () => {
    const [a, b] = await Promise.all([
      run(net, 'spatial-decompose{macs=0.5x}'),
      run(net, 'spatial-decompose{macs=0.5x}'),
    ]);
    expect([...a.graph.constants]).toEqual([...b.graph.constants]);
  });
  test('kernels of zeros stay finite', async () => {
    const graph = convGraph({ x: [1, 16, 6, 6], kernel: [16, 3, 3] });
    const constants = new Map(graph.constants).set(
      'w',
      float32([16, 16, 3, 3], new Float32Array(2304)),
    );
    const { graph: result } = await run({ ...graph, constants }, 'spatial-decompose{rank=4}');
    for (const [, value] of result.constants)
      expect([...(value.data as Float32Array)].every(Number.isFinite)).toBe(true);
  });
});
