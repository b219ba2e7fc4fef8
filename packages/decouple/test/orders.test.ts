/**
 * Decompositions compose in any subset and any order: all 16 subsets, and all 24 orders of the four, on networks of
 * every build. What comes out is a network of the same signature that runs; with ranks that keep everything it is the
 * same function.
 */
import { randomTensor } from '@decouple/conformance';
import { graphBuilder, interpret, optimize, totalCost, verify, type Graph } from 'decouple';
import type { AttrsInput } from '@decouple/ir';
import { difference, type Tensor } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';

/** Builders of small networks with random weights. */
function netBuilder(name: string) {
  const b = graphBuilder(name);
  let seed = 1;
  const conv = (
    x: string,
    [from, to, kernel]: readonly [number, number, number],
    attrs: AttrsInput<'conv2d'> = {},
  ): string => {
    const groups = attrs.groups ?? 1;
    const pad = (kernel - 1) >> 1;
    const weight = randomTensor(
      [to, from / groups, kernel, kernel],
      seed++,
      Math.sqrt((2 * groups) / (from * kernel * kernel)),
    );
    const bias = randomTensor([to], seed++, 0.1);
    return b.node('conv2d', [x, b.constant(`w${seed}`, weight), b.constant(`b${seed}`, bias)], {
      pads: [pad, pad, pad, pad],
      ...attrs,
    });
  };
  const relu = (x: string): string => b.node('relu', [x]);
  const head = (x: string, channels: number): string => {
    const pooled = b.node('flatten', [b.node('global-average-pool', [x])]);
    return b.node('linear', [pooled, b.constant(`fc${seed}`, randomTensor([3, channels], seed++))]);
  };
  return { b, conv, relu, head, x: b.input('x', ['N', 3, 9, 8]) };
}

const nets: Record<string, () => Graph> = {
  plain() {
    const { b, conv, relu, head, x } = netBuilder('plain');
    const first = relu(conv(x, [3, 12, 3]));
    return b.build([head(relu(conv(relu(conv(first, [12, 16, 3])), [16, 12, 3])), 12)]);
  },
  'residual with projection'() {
    const { b, conv, relu, head, x } = netBuilder('residual');
    const trunk = relu(conv(x, [3, 12, 3]));
    const branch = conv(relu(conv(trunk, [12, 16, 3], { stride: [2, 2] })), [16, 16, 3]);
    const shortcut = conv(trunk, [12, 16, 1], { stride: [2, 2] });
    return b.build([head(relu(b.node('add', [branch, shortcut])), 16)]);
  },
  'dense concat'() {
    const { b, conv, relu, head, x } = netBuilder('dense');
    const first = relu(conv(x, [3, 8, 3]));
    const second = b.node('concat', [first, relu(conv(first, [8, 8, 3]))], { axis: 1 });
    const third = b.node('concat', [second, relu(conv(second, [16, 8, 3]))], { axis: 1 });
    return b.build([head(third, 24)]);
  },
  'several heads'() {
    const { b, conv, relu, x } = netBuilder('heads');
    const fine = relu(conv(x, [3, 12, 3]));
    const coarse = relu(conv(fine, [12, 16, 3], { stride: [2, 2] }));
    return b.build([conv(fine, [12, 8, 3]), conv(coarse, [16, 8, 3]), conv(coarse, [16, 4, 3])]);
  },
  'depthwise blocks'() {
    const { b, conv, relu, head, x } = netBuilder('depthwise');
    const first = relu(conv(x, [3, 12, 3]));
    const wide = relu(conv(first, [12, 24, 1]));
    const spatial = relu(conv(wide, [24, 24, 3], { groups: 24 }));
    return b.build([head(relu(conv(conv(spatial, [24, 12, 1]), [12, 12, 3])), 12)]);
  },
  'strided and dilated'() {
    const { b, conv, relu, head, x } = netBuilder('strided');
    const strided = relu(conv(x, [3, 12, 5], { stride: [2, 1] }));
    const dilated = relu(conv(strided, [12, 16, 3], { dilation: [1, 2], pads: [1, 2, 1, 2] }));
    return b.build([head(relu(conv(dilated, [16, 12, 3], { pads: [0, 1, 2, 0] })), 12)]);
  },
};

const exact: Readonly<Record<string, string>> = {
  CP: 'channel-prune{keep=1, data=off}',
  CD: 'channel-decompose{rank=99, allowCostlier=true, data=off}',
  SD: 'spatial-decompose{rank=99, allowCostlier=true, data=off}',
  ND: 'decouple{terms=25, allowCostlier=true, data=off}',
};
const lossy: Readonly<Record<string, string>> = {
  CP: 'channel-prune{macs=0.9x, data=off}',
  CD: 'channel-decompose{macs=0.9x, data=off}',
  SD: 'spatial-decompose{macs=0.9x, data=off}',
  ND: 'decouple{macs=0.9x, data=off}',
};

const methods = ['CP', 'CD', 'SD', 'ND'];
const subsets = Array.from({ length: 16 }, (_, bits) =>
  methods.filter((_, index) => (bits >> index) & 1),
);
const permutations = (items: readonly string[]): string[][] =>
  items.length === 0
    ? [[]]
    : items.flatMap((item) =>
        permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
      );
const stacks = [...subsets, ...permutations(methods)].map(
  (stack) => stack.join(' → ') || 'nothing',
);
const textOf = (stack: string, passes: Readonly<Record<string, string>>): string =>
  ['fold-batch-norm', ...stack.split(' → ').flatMap((name) => passes[name] ?? [])].join(', ');

const runs = (graph: Graph, x: Tensor): Tensor[] => Object.values(interpret(graph, { x }));

describe.each(Object.entries(nets))('%s', (_, make) => {
  const net = make();
  const x = randomTensor([2, 3, 9, 8], 77);
  const expected = runs(net, x);
  test.each(stacks)('%s', async (stack) => {
    const kept = (await optimize(net, textOf(stack, exact))).graph;
    expect(verify(kept)).toEqual([]);
    runs(kept, x).forEach((value, index) =>
      expect(difference(value, expected[index] as Tensor).maxRel).toBeLessThanOrEqual(1e-4),
    );
    const { graph } = await optimize(net, textOf(stack, lossy));
    expect(verify(graph)).toEqual([]);
    expect(graph.outputs).toEqual(net.outputs);
    if (stack !== 'nothing') expect(totalCost(graph).macs).toBeLessThan(totalCost(net).macs);
    for (const value of runs(graph, x))
      expect((value.data as Float32Array).every(Number.isFinite)).toBe(true);
  });
});
