import {
  convCases,
  convGraph,
  convOf,
  randomTensor,
  relativeDifference,
  smallNet,
  type ConvCase,
} from '@decouple/conformance';
import { applyPatch, costOf, graphBuilder, totalCost, verify, type Graph } from '@decouple/ir';
import { parsePipeline, runPipeline } from '@decouple/pass-manager';
import {
  decomposeSlices,
  emitReplacement,
  energyCurve,
  equivalentKernel,
  exactTerms,
  firstTerms,
  networkDecouplingPasses,
  selectTerms,
  type Form,
} from '@decouple/pass-network-decoupling';
import { createRandom, float32, normals } from '@decouple/tensor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const run = async (graph: Graph, text: string) =>
  runPipeline(graph, parsePipeline(text, networkDecouplingPasses), {});

describe.each(Object.entries(convCases))('%s', (_, item) => {
  const graph = convGraph(item);
  for (const form of ['dw-pw', 'pw-dw'])
    for (const layout of ['wide', 'chains'])
      test(`all terms reproduce the layer exactly: ${form}, ${layout}`, async () => {
        const { graph: result } = await run(
          graph,
          `decouple{terms=25, form=${form}, layout=${layout}, allowCostlier=true}`,
        );
        expect(result.nodes.some(({ name }) => name.startsWith('conv/depthwise'))).toBe(true);
        expect(verify(result)).toEqual([]);
        expect(relativeDifference(graph, result, item.x)).toBeLessThan(1e-6);
      });
});

test.each([
  ['NaN', Number.NaN, 'its weights hold NaN or infinity'],
  ['infinity', -Infinity, 'its weights hold NaN or infinity'],
  ['numbers whose factors are beyond float32', 3e38, 'its weights are too large to be decomposed'],
])('a layer whose weights hold %s is left alone', async (_, value, reason) => {
  const b = graphBuilder('odd');
  const data = normals(createRandom(1), 8 * 8 * 9);
  data.fill(value, 40, 80);
  const weight = b.constant('w', float32([8, 8, 3, 3], data));
  const graph = b.build([b.node('conv2d', [b.input('x', [1, 8, 6, 6]), weight])]);
  const { graph: result, passes } = await run(graph, 'decouple{terms=1}');
  expect(result.nodes).toEqual(graph.nodes);
  expect(passes[0]?.skipped[0]?.reason).toBe(reason);
});

test('the error of T terms is the energy that is left out, and the graph computes the equivalent kernel', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 2, max: 12 }),
      fc.integer({ min: 2, max: 12 }),
      fc.constantFrom<Form>('dw-pw', 'pw-dw'),
      fc.integer(),
      (terms, inputs, outputs, form, seed) => {
        const size = { inputs, outputs, taps: 9 };
        const kernel = normals(createRandom(seed), outputs * inputs * 9);
        const slices = decomposeSlices(kernel, size, form);
        const factors = selectTerms(kernel, slices, firstTerms(terms));
        const dense = equivalentKernel(factors);
        const error = dense.reduce(
          (sum, value, index) => sum + (value - (kernel[index] as number)) ** 2,
          0,
        );
        let left = 0;
        for (let channel = 0; channel < slices.channels; channel++)
          for (let term = terms; term < slices.terms; term++)
            left += slices.energy[channel * slices.terms + term] as number;
        const power = kernel.reduce((sum, value) => sum + value * value, 0);
        expect(Math.abs(error - left) / power).toBeLessThan(1e-10);
        if (terms >= exactTerms(size, form)) expect(error / power).toBeLessThan(1e-20);
      },
    ),
    { numRuns: 60 },
  );
});

test.each(['dw-pw', 'pw-dw'] as const)(
  'unequal terms per channel give the dense equivalent kernel: %s',
  (form) => {
    const item: ConvCase = {
      x: [2, 8, 7, 7],
      kernel: [8, 3, 3],
      attrs: { pads: [1, 1, 1, 1], stride: [1, 2] },
    };
    const graph = convGraph(item);
    const weight = graph.constants.get('w')?.data as Float32Array;
    const slices = decomposeSlices(weight, { inputs: 8, outputs: 8, taps: 9 }, form);
    const factors = selectTerms(weight, slices, (channel, term) => term < (channel % 3) + 1);
    const replacement = {
      conv: convOf(graph),
      kernel: [3, 3] as const,
      groups: [factors],
      bias: graph.constants.get('b')?.data as Float32Array,
      layout: 'wide' as const,
    };
    const decoupled = applyPatch(graph, emitReplacement(replacement));
    const constants = new Map(graph.constants).set('w', {
      dtype: 'float32',
      shape: [8, 8, 3, 3],
      data: Float32Array.from(equivalentKernel(factors)),
    });
    const dense = { ...graph, constants };
    expect(relativeDifference(dense, decoupled, item.x)).toBeLessThan(1e-6);
  },
);

test('channels without any term are left out', () => {
  const item: ConvCase = { x: [1, 8, 6, 6], kernel: [8, 3, 3] };
  const graph = convGraph(item);
  const weight = graph.constants.get('w')?.data as Float32Array;
  const factors = selectTerms(
    weight,
    decomposeSlices(weight, { inputs: 8, outputs: 8, taps: 9 }, 'dw-pw'),
    (channel, term) => channel % 2 === 0 && term < 2,
  );
  const result = applyPatch(
    graph,
    emitReplacement({ conv: convOf(graph), kernel: [3, 3], groups: [factors], layout: 'wide' }),
  );
  expect(result.types.get('conv/channels')?.shape[1]).toBe(8);
  expect([...new Set(factors.of)]).toEqual([0, 2, 4, 6]);
});

describe('what it leaves alone', () => {
  const reasonsOf = async (item: ConvCase, text: string): Promise<string[]> => {
    const graph = convGraph(item);
    const { graph: result, passes } = await run(graph, text);
    expect(result.nodes).toEqual(graph.nodes);
    return passes[0]?.skipped.map(({ reason }) => reason) ?? [];
  };
  test('pointwise', async () =>
    expect(await reasonsOf({ x: [1, 8, 4, 4], kernel: [8, 1, 1] }, 'decouple{terms=1}')).toEqual([
      'pointwise convolutions have nothing to decouple',
    ]));
  test('depthwise', async () =>
    expect(
      await reasonsOf(
        { x: [1, 8, 6, 6], kernel: [8, 3, 3], attrs: { groups: 8 } },
        'decouple{terms=1}',
      ),
    ).toEqual(['already depthwise']));
  test('layers named by skip', async () =>
    expect(
      await reasonsOf({ x: [1, 8, 6, 6], kernel: [8, 3, 3] }, 'decouple{terms=1, skip=[conv]}'),
    ).toEqual(['left dense by option skip']));
  test('what does not pay', async () => {
    // pw-dw on a strided convolution breaks even near two terms: 9·I/(4·I + 9).
    expect(
      await reasonsOf(
        { x: [1, 32, 8, 8], kernel: [32, 3, 3], attrs: { stride: [2, 2], pads: [1, 1, 1, 1] } },
        'decouple{terms=3, form=pw-dw}',
      ),
    ).toEqual(['does not pay: as many or more MACs than the dense convolution']);
    expect(
      await reasonsOf(
        { x: [1, 16, 8, 8], kernel: [16, 3, 3], attrs: { pads: [1, 1, 1, 1] } },
        'decouple{terms=6}',
      ),
    ).toEqual(['does not pay: as many or more MACs than the dense convolution']);
  });
});

describe('targets', () => {
  const net = smallNet();
  const macs = totalCost(net).macs;
  test('a budget of MACs is met closely and never exceeded', async () => {
    for (const share of [0.7, 0.5, 0.35]) {
      const { graph } = await run(net, `decouple{macs=${share}x, adaptive=energy}`);
      const after = totalCost(graph).macs;
      expect(after).toBeLessThanOrEqual(share * macs);
      expect(after).toBeGreaterThan(share * macs * 0.95);
    }
  });
  test('a budget that cannot be met says what can', async () => {
    await expect(run(net, 'decouple{macs=1K}')).rejects.toThrow(
      /can't be met; the cheapest form of every layer gives \d+ MACs/,
    );
  });
  test('two targets exclude each other', async () => {
    await expect(run(net, 'decouple{terms=2, energy=0.9}')).rejects.toThrow(
      /terms and energy exclude each other/,
    );
  });
  test('elimination without data is refused', async () => {
    await expect(run(net, 'decouple{terms=2, adaptive=elimination}')).rejects.toThrow(
      /works on calibration data/,
    );
  });
  test('skipping a layer that is not there is refused', async () => {
    await expect(run(net, 'decouple{skip=[conv9]}')).rejects.toThrow(
      /skip names no convolution: conv9/,
    );
  });
  test.each(['dw-pw', 'pw-dw'])(
    'fused residuals and activations stay in place: %s',
    async (form) => {
      const b = graphBuilder('fused');
      const x = b.input('x', ['N', 16, 6, 6]);
      const inputs = [x, b.constant('w', randomTensor([16, 16, 3, 3], 1)), '', x];
      const graph = b.build([
        b.node('conv2d', inputs, { pads: [1, 1, 1, 1], activation: { kind: 'relu' } }, 'conv'),
      ]);
      for (const layout of ['wide', 'chains']) {
        const text = `decouple{terms=9, form=${form}, layout=${layout}, allowCostlier=true}`;
        const { graph: result } = await run(graph, text);
        expect(relativeDifference(graph, result, [1, 16, 6, 6])).toBeLessThan(1e-6);
        const adaptive = await run(graph, `decouple{terms=2, form=${form}, adaptive=energy}`);
        expect(verify(adaptive.graph)).toEqual([]);
        expect(adaptive.graph.nodes.length).toBeGreaterThan(1);
      }
    },
  );
  test('a table replaces only the layers it names', async () => {
    const { graph } = await run(net, 'decouple{terms={conv2=2}, form=dw-pw}');
    expect(graph.nodes.filter(({ op }) => op === 'conv2d').map(({ name }) => name)).toEqual([
      'conv1',
      'conv2/depthwise',
      'conv2/pointwise',
      'conv3',
      'conv4',
    ]);
    await expect(run(net, 'decouple{terms={conv9=2}}')).rejects.toThrow(
      /no layer to decouple is named conv9; there are conv1, conv2/,
    );
  });
  test('an energy threshold keeps at least that share, with the fewest terms', async () => {
    const graph = convGraph({
      x: [1, 32, 8, 8],
      kernel: [32, 3, 3],
      attrs: { pads: [1, 1, 1, 1] },
    });
    const weight = graph.constants.get('w')?.data as Float32Array;
    const curve = energyCurve(
      decomposeSlices(weight, { inputs: 32, outputs: 32, taps: 9 }, 'dw-pw'),
    );
    const { graph: result } = await run(graph, 'decouple{energy=0.6, form=dw-pw}');
    const terms = curve.findIndex((share) => share >= 0.6) + 1;
    expect(result.types.get('conv/depthwise')?.shape[1]).toBe(32 * terms);
  });
  test('the same input gives the same bytes', async () => {
    const [a, b] = await Promise.all([
      run(net, 'decouple{macs=0.5x}'),
      run(net, 'decouple{macs=0.5x}'),
    ]);
    expect([...a.graph.constants]).toEqual([...b.graph.constants]);
  });
  test('MACs of the new nodes are what the plan counted', async () => {
    const { graph, passes } = await run(net, 'decouple{terms=2}');
    for (const row of passes[0]?.details ?? []) {
      const nodes = graph.nodes.filter(({ origin, op }) => origin === row.layer && op === 'conv2d');
      expect(nodes.reduce((sum, node) => sum + costOf(graph, node).macs, 0)).toBe(
        row['MACs after'],
      );
    }
  });
  test('non-finite weights never come out', async () => {
    const { graph } = await run(
      convGraph({ x: [1, 8, 6, 6], kernel: [16, 3, 3] }),
      'decouple{terms=1}',
    );
    for (const [, value] of graph.constants)
      expect([...(value.data as Float32Array)].every(Number.isFinite)).toBe(true);
    const zeros = convGraph({ x: [1, 8, 6, 6], kernel: [16, 3, 3] });
    const zeroed = {
      ...zeros,
      constants: new Map(zeros.constants).set('w', { ...randomTensor([16, 8, 3, 3], 1, 0) }),
    };
    const result = await run(zeroed, 'decouple{terms=1}');
    expect(verify(result.graph)).toEqual([]);
  });
});
