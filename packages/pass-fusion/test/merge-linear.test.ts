import { totalCost, type CostModel } from '@decouple/ir';
import { pipeline, runPipeline, step } from '@decouple/pass-manager';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeLinear } from '../src/index.ts';
import { expectSame, net, run } from './kit.ts';

type Weight = [number, number, number, number];
type Attrs = Parameters<ReturnType<typeof net>['conv']>[2] & object;
type Part = readonly [Weight, Attrs?, boolean?];

function chain(size: readonly (number | string)[], inner: Part, outer: Part) {
  const b = net();
  const first = b.conv(b.input('x', size), inner[0], inner[1], { bias: inner[2] ?? false });
  return b.build([b.conv(first, outer[0], outer[1], { bias: outer[2] ?? true, name: 'outer' })]);
}
const depthwise = (channels: number, attrs: Attrs = {}): Attrs => ({ groups: channels, ...attrs });

describe('merges', () => {
  const cases: Record<string, [Part, Part]> = {
    'pointwise after pointwise, with bias': [
      [[4, 6, 1, 1], {}, true],
      [[3, 4, 1, 1], {}],
    ],
    'pointwise before a padded, strided, dilated convolution': [
      [[8, 6, 1, 1]],
      [[8, 8, 3, 3], { pads: [2, 1, 2, 1], dilation: [2, 1], stride: [2, 1] }],
    ],
    'strided pointwise before a convolution becomes dilation': [
      [[8, 6, 1, 1], { stride: [2, 2] }],
      [[8, 8, 2, 2], { pads: [1, 0, 1, 1] }],
    ],
    'pointwise with bias before an unpadded convolution': [
      [[8, 6, 1, 1], {}, true],
      [[8, 8, 3, 1], {}],
    ],
    'strided pointwise with bias after a padded, strided convolution': [
      [[8, 6, 3, 3], { pads: [1, 1, 1, 1], stride: [2, 1] }, true],
      [[4, 8, 1, 1], { stride: [1, 2] }],
    ],
    'depthwise after depthwise, unpadded': [
      [[6, 1, 3, 1], depthwise(6, { pads: [1, 1, 1, 1] }), true],
      [[6, 1, 3, 1], depthwise(6)],
    ],
    'depthwise k×1 before a depthwise 1×k that pads the other axis': [
      [[6, 1, 2, 1], depthwise(6, { pads: [1, 0, 0, 0] })],
      [[6, 1, 1, 2], depthwise(6, { pads: [0, 1, 0, 0] })],
    ],
    'pointwise after depthwise of large multiplier': [
      [[24, 1, 2, 2], depthwise(6), true],
      [[1, 24, 1, 1]],
    ],
    'depthwise after grouped': [
      [[6, 3, 3, 3], { groups: 2, pads: [1, 1, 1, 1] }],
      [[6, 1, 1, 1], depthwise(6)],
    ],
    'groups 3 after groups 2': [
      [[12, 3, 1, 1], { groups: 2 }, true],
      [[12, 4, 1, 1], { groups: 3 }],
    ],
  };
  test.each(Object.entries(cases))('%s', async (_name, [inner, outer]) => {
    const graph = chain(['N', 6, 9, 8], inner, outer);
    const result = await run(graph, mergeLinear);
    expect(result.ops).toEqual(['conv2d']);
    expect(result.graph.nodes[0]).toMatchObject({ name: 'outer', outputs: ['outer'] });
    expect(totalCost(result.graph).macs).toBeLessThanOrEqual(totalCost(graph).macs);
  });

  test('linear layers, and the outer activation and residual stay', async () => {
    const b = net();
    const x = b.input('x', [3, 4]);
    const inner = b.node('linear', [x, b.random([5, 4]), b.random([5])]);
    const inputs = [inner, b.random([4, 5]), b.random([4]), x];
    const y = b.node('linear', inputs, { activation: { kind: 'relu' } });
    const { graph } = await run(b.build([y]), mergeLinear);
    expect(graph.nodes).toMatchObject([
      { op: 'linear', attrs: { activation: { kind: 'relu' } }, inputs: { length: 4 } },
    ]);
  });

  test('three in a row', async () => {
    const b = net();
    let y = b.input('x', [1, 4, 3, 3]);
    for (let index = 0; index < 3; index++) y = b.conv(y, [4, 4, 1, 1]);
    expect((await run(b.build([y]), mergeLinear)).ops).toEqual(['conv2d']);
  });
});

/** Everything is free, so that every legal product is made. */
const free: CostModel = { name: 'free', unit: 'MACs', cost: () => 0 };

test('whatever is merged is exact: random kernels, strides, dilations, pads, groups', async () => {
  const pair = (max: number) => fc.tuple(fc.integer({ min: 1, max }), fc.integer({ min: 1, max }));
  const part = fc.record({
    kernel: pair(3),
    stride: pair(3),
    dilation: pair(2),
    pads: fc.constantFrom<[number, number, number, number]>(
      [0, 0, 0, 0],
      [1, 0, 1, 0],
      [0, 2, 0, 1],
      [1, 1, 1, 1],
    ),
    groups: fc.constantFrom(1, 2, 3, 6),
    perGroup: fc.integer({ min: 1, max: 2 }),
    bias: fc.boolean(),
  });
  let merged = 0;
  await fc.assert(
    fc.asyncProperty(part, part, async (inner, outer) => {
      const mids = 6 * inner.perGroup;
      const build = (size: number) =>
        chain(
          [1, 6, size, size + 2],
          [[mids, 6 / inner.groups, ...inner.kernel], attrsOf(inner), inner.bias],
          [[6, mids / outer.groups, ...outer.kernel], attrsOf(outer), outer.bias],
        );
      const graph = build(15);
      const result = await runPipeline(graph, pipeline([step(mergeLinear)]), { cost: free });
      merged += result.passes[0]?.rewrites ?? 0;
      expectSame(graph, result.graph);
    }),
    { numRuns: 90, seed: 3 },
  );
  expect(merged).toBeGreaterThan(20);
});

const attrsOf = ({ stride, dilation, pads, groups }: Required<Omit<Attrs, 'activation'>>) => ({
  stride,
  dilation,
  pads,
  groups,
});

describe('must not fire', () => {
  const cases: [string, () => ReturnType<typeof chain>][] = [
    [
      'their product would cost more MACs',
      () => chain([1, 6, 5, 5], [[2, 6, 1, 1]], [[6, 2, 1, 1]]),
    ],
    [
      'the bias in between does not reach the zero padding of the outer layer',
      () => chain([1, 6, 5, 5], [[6, 6, 1, 1], {}, true], [[6, 6, 3, 3], { pads: [1, 1, 1, 1] }]),
    ],
    [
      'the inner layer sees its input beyond the edge that the outer layer pads',
      () => chain([1, 1, 5, 5], [[1, 1, 3, 1]], [[1, 1, 3, 1], { pads: [1, 0, 1, 0] }]),
    ],
    [
      'the inner layer sees its input beyond the edge that the outer layer pads',
      () =>
        chain(
          [1, 1, 5, 5],
          [[1, 1, 1, 1], { pads: [1, 1, 1, 1] }],
          [[1, 1, 3, 3], { pads: [1, 1, 1, 1] }],
        ),
    ],
    [
      'the layer before has an activation or a residual',
      () => chain([1, 6, 5, 5], [[6, 6, 1, 1], { activation: { kind: 'relu' } }], [[6, 6, 1, 1]]),
    ],
    [
      'the layer before has other readers',
      () => {
        const b = net();
        const first = b.conv(b.input('x', [1, 2, 3, 3]), [2, 2, 1, 1]);
        return b.build([b.conv(first, [2, 2, 1, 1]), b.node('relu', [first])]);
      },
    ],
    [
      'weights are computed by the network',
      () => {
        const b = net();
        const first = b.conv(b.input('x', [1, 2, 3, 3]), [2, 2, 1, 1]);
        return b.build([b.node('conv2d', [first, b.input('w', [2, 2, 1, 1])])]);
      },
    ],
    [
      'the symbolic size of the result would be written differently',
      () =>
        chain(
          [1, 6, 'H', 'W'],
          [[6, 6, 1, 1], { stride: [2, 2] }],
          [[6, 6, 1, 1], { stride: [2, 2] }],
        ),
    ],
  ];
  test.each(cases)('%s', async (reason, build) => {
    const graph = build();
    const { passes } = await runPipeline(graph, pipeline([step(mergeLinear)]));
    expect(passes[0]).toMatchObject({ rewrites: 0, skipped: [{ reason, count: 1 }] });
  });
});
