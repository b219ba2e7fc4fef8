/** Costs against published figures. */
import { zeros } from '@decouple/tensor';
import { expect, test } from 'vitest';
import {
  addCosts,
  costOf,
  graphBuilder,
  macsCostModel,
  noCost,
  ops,
  parseGraph,
  totalCost,
} from '../src/index.ts';

/** VGG16's convolutions: channels per block, each block followed by pooling. */
const blocks = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
];

test('VGG16 at 224×224: 15.35 G MACs of convolutions, 14.7 M parameters', () => {
  const b = graphBuilder('vgg16');
  let value = b.input('x', ['N', 3, 224, 224]);
  let channels = 3;
  for (const [index, block] of blocks.entries()) {
    for (const [place, outChannels] of block.entries()) {
      const name = `conv${index + 1}_${place + 1}`;
      const weight = b.constant(`${name}/w`, zeros('float32', [outChannels, channels, 3, 3]));
      const bias = b.constant(`${name}/b`, zeros('float32', [outChannels]));
      value = b.node('conv2d', [value, weight, bias], { pads: [1, 1, 1, 1] }, name);
      value = b.node('relu', [value]);
      channels = outChannels;
    }
    value = b.node('max-pool', [value], { kernel: [2, 2], stride: [2, 2] });
  }
  const graph = b.build([b.node('flatten', [value], {}, 'flat')]);
  expect(graph.types.get('flat')?.shape).toEqual(['N', 25088]);
  const total = totalCost(graph);
  expect(total.macs).toBe(15_346_630_656);
  expect(total.params).toBe(14_714_688);
  const convolutions = graph.nodes.filter(({ op }) => op === 'conv2d');
  expect(convolutions.reduce((sum, node) => sum + macsCostModel.cost(graph, node), 0)).toBe(
    total.macs,
  );
  expect(graph.nodes.map((node) => costOf(graph, node)).reduce(addCosts, noCost).params).toBe(
    total.params,
  );
});

test('the three matrices behind it: 123.6 M MACs, from types alone', () => {
  const sizes = [25088, 4096, 4096, 1000];
  let x = { dtype: 'float32' as const, shape: ['N', 25088] as (string | number)[] };
  let macs = 0;
  for (const outFeatures of sizes.slice(1)) {
    const weight = { dtype: 'float32' as const, shape: [outFeatures, x.shape[1] as number] };
    const attrs = { activation: null };
    const outputs = ops.linear.infer([x, weight], attrs) as [typeof x];
    macs += ops.linear.macs?.([x, weight], attrs, outputs) ?? 0;
    x = outputs[0];
  }
  expect(macs).toBe(123_633_664);
});

const small = parseGraph(`graph "small" {
  input %x: float32[N,4,6,6]
  const %w: float32[8,2,3,3] = fill(0)
  const %u: float32[8,8] = fill(0)
  const %i: int64[1] = [0]
  %c = conv2d(%x, %w) {groups=2, stride=[2, 2], pads=[1, 1, 1, 1]}
  %r = relu(%c)
  %g = global-average-pool(%r)
  %f = flatten(%g)
  %l = linear(%f, %u)
  %m = linear(%l, %u)
  %p = matmul(%m, %u)
  %q = gather(%p, %i)
  output %q
}`);

test('groups, strides and batch', () => {
  const cost = (name: string) => {
    const node = small.nodes.find((one) => one.name === name);
    if (!node) throw new Error(name);
    return costOf(small, node);
  };
  // 8·3·3 results of 2·3·3 products each; the batch is symbolic: per sample.
  expect(cost('c')).toEqual({
    macs: 72 * 18,
    params: 8 * 18,
    bytes: 4 * (144 + 144 + 72),
    elementwise: 0,
  });
  expect(cost('r')).toEqual({ macs: 0, params: 0, bytes: 4 * 144, elementwise: 72 });
  expect(cost('l').macs).toBe(64);
  expect(cost('p').macs).toBe(64);
  // Indices are no parameters.
  expect(cost('q').params).toBe(0);
});

test('a shared constant counts once in the total', () => {
  expect(totalCost(small).params).toBe(8 * 18 + 64);
});
