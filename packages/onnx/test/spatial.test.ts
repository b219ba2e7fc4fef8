/** Windows over any number of dimensions, normalisation, resizing and regions: models made by hand against onnxruntime. */
import type { Graph } from '@decouple/ir';
import { createRandom, float32, int64, normals, sizeOf, type Tensor } from '@decouple/tensor';
import { describe, expect, it, test } from 'vitest';
import { importOnnx } from '../src/index.ts';
import type { NodeProto } from '../src/proto.ts';
import { agreesWithOrt, model, node, type ModelSpec } from './protos.ts';

const random = createRandom(4);
const weights = (...shape: number[]): Tensor => float32(shape, normals(random, sizeOf(shape)));
const kinds = (graph: Graph): string[] => graph.nodes.map(({ op }) => op);

/** Attributes of a table that is written as constants. */
const thawed = (attrs: object): Record<string, number | number[] | string> =>
  structuredClone(attrs) as Record<string, number | number[] | string>;

type Shape = readonly (number | string)[];
const over = (
  shape: Shape,
  nodes: NodeProto | NodeProto[],
  spec: Partial<ModelSpec> = {},
): ModelSpec => ({
  inputs: { x: shape },
  outputs: ['y'],
  nodes: [nodes].flat(),
  ...spec,
});

describe('convolution', () => {
  const line: Shape = ['N', 4, 'L'];
  const volume: Shape = ['N', 4, 6, 'H', 7];

  test.each([
    ['1-D', line, { w: weights(6, 4, 3), b: weights(6) }, { pads: [1, 2], strides: [2] }],
    [
      '1-D, groups, dilated',
      line,
      { w: weights(6, 2, 2), b: weights(6) },
      { group: 2, dilations: [3] },
    ],
    ['1-D, SAME_LOWER', line, { w: weights(6, 4, 4), b: weights(6) }, { auto_pad: 'SAME_LOWER' }],
    ['3-D', volume, { w: weights(5, 4, 3, 2, 3), b: weights(5) }, { pads: [1, 0, 1, 2, 1, 0] }],
    [
      '3-D, groups, strided, dilated',
      volume,
      { w: weights(6, 2, 2, 3, 1), b: weights(6) },
      { group: 2, strides: [2, 1, 3], dilations: [3, 2, 1] },
    ],
  ])('%s', async (_, shape, constants, attrs) => {
    await agreesWithOrt(over(shape, node('Conv', 'x w b', 'y', attrs), { constants }), { size: 9 });
  });

  test.each([
    ['1-D', ['N', 4, 'L'], weights(4, 3, 3), { strides: [2], pads: [1, 0], output_padding: [1] }],
    ['2-D', ['N', 4, 'H', 5], weights(4, 3, 4, 4), { strides: [2, 2], pads: [1, 1, 1, 1] }],
    ['2-D, groups', ['N', 4, 'H', 5], weights(4, 3, 2, 3), { group: 2, dilations: [2, 1] }],
    ['SAME_UPPER', [1, 4, 3, 4], weights(4, 3, 3, 4), { strides: [2, 3], auto_pad: 'SAME_UPPER' }],
    ['SAME_LOWER', [1, 4, 3, 4], weights(4, 3, 3, 4), { strides: [2, 3], auto_pad: 'SAME_LOWER' }],
    ['output_shape', [1, 4, 3, 4], weights(4, 3, 3, 3), { strides: [2, 2], output_shape: [6, 8] }],
    [
      'output_shape, larger',
      [1, 4, 3, 4],
      weights(4, 3, 3, 3),
      { strides: [2, 2], output_shape: [8, 10] },
    ],
    [
      '3-D',
      ['N', 4, 3, 4, 2],
      weights(4, 3, 3, 2, 2),
      { strides: [2, 1, 3], pads: [1, 0, 0, 2, 1, 0], output_padding: [1, 0, 2] },
    ],
    ['3-D, dilated', ['N', 4, 3, 4, 2], weights(4, 3, 2, 2, 2), { dilations: [3, 1, 2], group: 2 }],
  ] as const)('transposed, %s', async (_, shape, w, attrs) => {
    const group = 'group' in attrs ? attrs.group : 1;
    const constants = { w, b: weights(3 * group) };
    const nodes = node('ConvTranspose', 'x w b', 'y', thawed(attrs));
    await agreesWithOrt(over(shape, nodes, { constants }), { size: 4 });
  });
});

describe('pooling', () => {
  const volume: Shape = ['N', 3, 7, 'H', 8];
  test.each([
    ['MaxPool', ['N', 3, 'L'], { kernel_shape: [3], strides: [2], pads: [1, 0] }],
    ['AveragePool', ['N', 3, 'L'], { kernel_shape: [3], strides: [2], pads: [1, 1], ceil_mode: 1 }],
    ['MaxPool', volume, { kernel_shape: [3, 2, 3], strides: [2, 1, 3], pads: [1, 0, 1, 1, 1, 0] }],
    ['MaxPool', volume, { kernel_shape: [2, 2, 2], dilations: [2, 1, 3], ceil_mode: 1 }],
    [
      'AveragePool',
      volume,
      { kernel_shape: [3, 3, 2], pads: [1, 1, 0, 1, 1, 1], count_include_pad: 1 },
    ],
    [
      'AveragePool',
      volume,
      { kernel_shape: [3, 2, 3], strides: [2, 2, 2], pads: [1, 1, 1, 1, 1, 1], ceil_mode: 1 },
    ],
    ['MaxPool', [1, 3, 9, 8], { kernel_shape: [3, 2], strides: [2, 3], auto_pad: 'SAME_UPPER' }],
    [
      'AveragePool',
      [1, 3, 9, 8],
      { kernel_shape: [3, 2], strides: [2, 3], auto_pad: 'SAME_LOWER' },
    ],
    ['LpPool', [2, 3, 9, 8], { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 1] }],
    ['LpPool', [2, 3, 9], { kernel_shape: [4], p: 3 }],
    ['LpPool', [2, 3, 9, 8], { kernel_shape: [2, 2], p: 1 }],
    ['GlobalMaxPool', [2, 3, 4, 5], {}],
    ['GlobalMaxPool', [2, 3, 5], {}],
    ['GlobalMaxPool', [2, 3, 5, 2, 3], {}],
    ['GlobalAveragePool', ['N', 3, 'L'], {}],
    ['GlobalLpPool', [2, 3, 4, 5], { p: 2 }],
  ] as const)('%s %j %j', async (op, shape, attrs) => {
    const nodes = node(op, 'x', 'y', thawed(attrs));
    await agreesWithOrt(over(shape, nodes), { size: 9 });
  });

  it('gives a window with dilation to averages', async () => {
    const attrs = { kernel_shape: [2, 3], dilations: [3, 2], pads: [1, 1, 0, 2] };
    await agreesWithOrt(
      over([1, 2, 8, 9], node('AveragePool', 'x', 'y', attrs), { opset: 19, irVersion: 9 }),
      {
        opset: 19,
      },
    );
  });

  it('gives indices only where they are used', async () => {
    const attrs = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
    const spec = over(
      [2, 3, 6, 7],
      [node('MaxPool', 'x', 'm i', attrs), node('Cast', 'i', 'y', { to: 1 })],
    );
    const graph = await agreesWithOrt({ ...spec, outputs: ['m', 'y'] });
    expect(kinds(graph)).toEqual(['max-pool-indices', 'max-pool', 'cast']);
    expect(kinds(importOnnx(model({ ...spec, outputs: ['m'] })).graph)).toEqual(['max-pool']);
  });
});

describe('normalisation', () => {
  const image: Shape = ['N', 6, 'H', 5];
  const learnt = { s: weights(6), b: weights(6) };
  test.each([
    ['InstanceNormalization', image, 'x s b', learnt, { epsilon: { float: 1e-3 } }, 13],
    ['InstanceNormalization', ['N', 6, 'L'], 'x s b', learnt, {}, 13],
    ['GroupNormalization', image, 'x s b', { s: weights(3), b: weights(3) }, { num_groups: 3 }, 18],
    ['GroupNormalization', image, 'x s b', learnt, { num_groups: 2 }, 21],
    ['LayerNormalization', ['N', 3, 6], 'x s b', learnt, {}, 17],
    ['LayerNormalization', ['N', 3, 6], 'x s', { s: weights(3, 6) }, { axis: 1 }, 17],
    ['MeanVarianceNormalization', image, 'x', {}, {}, 13],
    ['LpNormalization', image, 'x', {}, { axis: 1 }, 13],
    ['LpNormalization', image, 'x', {}, { axis: 1, p: 1 }, 13],
    ['LRN', image, 'x', {}, { size: 5, alpha: { float: 0.3 } }, 13],
  ] as const)('%s %j', async (op, shape, inputs, constants, attrs, opset) => {
    const spec = over(shape, node(op, inputs, 'y', { ...attrs }), {
      constants: { ...constants },
      opset,
      irVersion: opset > 20 ? 10 : 8,
    });
    await agreesWithOrt(spec, { size: 4 });
    await agreesWithOrt(spec, { size: 4, opset: 21 });
  });

  it('gives the statistics of layer normalisation where they are used', async () => {
    const spec = over(
      ['N', 3, 6],
      node('LayerNormalization', 'x s b', 'y mean inverse', { axis: -1 }),
      {
        constants: learnt,
        opset: 17,
        irVersion: 8,
      },
    );
    await agreesWithOrt({ ...spec, outputs: ['y', 'mean', 'inverse'] });
    expect(kinds(importOnnx(model(spec)).graph)).toEqual(['normalize', 'mul', 'add']);
  });

  it('leaves out scales of 1 and offsets of 0', () => {
    const constants = { s: float32([6], [1, 1, 1, 1, 1, 1]), b: float32([6], [0, 0, 0, 0, 0, 0]) };
    const spec = over(image, node('InstanceNormalization', 'x s b', 'y'), { constants });
    expect(kinds(importOnnx(model(spec)).graph)).toEqual(['normalize', 'identity']);
  });
});

describe('resize', () => {
  const image: Shape = ['N', 3, 'H', 5];
  const scales = float32([4], [1, 1, 2, 3]);

  it.each([7, 9])('Upsample of operator set %i', async (opset) => {
    const attribute = { scales: { floats: [1, 1, 2, 3] } };
    for (const mode of ['nearest', 'linear'])
      await agreesWithOrt(
        over(
          image,
          node('Upsample', opset < 9 ? 'x' : 'x s', 'y', { mode, ...(opset < 9 ? attribute : {}) }),
          { opset, constants: opset < 9 ? {} : { s: scales } },
        ),
        { size: 4, opset },
      );
  });

  it('Resize of operator set 10, to larger and smaller sizes', async () => {
    const nodes = node('Resize', 'x s', 'y', { mode: 'nearest' });
    await agreesWithOrt(over(image, nodes, { opset: 10, constants: { s: scales } }), { opset: 10 });
    const s = float32([4], [1, 1, 0.5, 0.6]);
    await agreesWithOrt(over([1, 3, 6, 5], nodes, { opset: 10, constants: { s } }));
  });

  it('takes sizes computed from those of another value', async () => {
    const nodes = [
      node('MaxPool', 'x', 'a', { kernel_shape: [2, 2], strides: [2, 2] }),
      node('Shape', 'x', 's'),
      node('Resize', 'a - - s', 'y', {
        mode: 'linear',
        coordinate_transformation_mode: 'align_corners',
      }),
    ];
    const graph = await agreesWithOrt(over(['N', 3, 'H', 'W'], nodes), { size: 7 });
    expect(graph.nodes.at(-1)?.attrs).toMatchObject({ axes: [2, 3], sizes: ['H', 'W'] });
    await agreesWithOrt(over(['N', 3, 'H', 'W'], nodes), { size: 7, opset: 19 });
  });

  it.each(['not_larger', 'not_smaller'])('keeps the aspect ratio: %s', async (policy) => {
    const attrs = { keep_aspect_ratio_policy: policy, axes: [3, 2], mode: 'linear' };
    const constants = { s: int64([9, 7]) };
    const spec = over([1, 2, 4, 6], node('Resize', 'x - - s', 'y', attrs), {
      constants,
      opset: 19,
      irVersion: 9,
    });
    await agreesWithOrt(spec, { opset: 19 });
  });

  it.each(['linear', 'cubic'])('stretches the kernel with antialias: %s', async (mode) => {
    const attrs = { antialias: 1, exclude_outside: 1, mode };
    const constants = { s: int64([1, 2, 3, 4]) };
    const spec = over([1, 2, 8, 11], node('Resize', 'x - - s', 'y', attrs), {
      constants,
      opset: 18,
      irVersion: 8,
    });
    await agreesWithOrt(spec, { opset: 18 });
  });
});

describe('sizes that follow from the inputs', () => {
  it('reshapes to several of them', async () => {
    const nodes = [
      node('Shape', 'x', 's'),
      ...['n', 'h', 'w'].map((name, at) => node('Gather', `s i${[0, 2, 3][at]}`, name)),
      node('Div', 'h two', 'h2'),
      node('Add', 'w one', 'w1'),
      node('Pad', 'x pads', 'p'),
      node('Concat', 'n c h2 two w1', 't', { axis: 0 }),
      node('Reshape', 'p t', 'y'),
    ];
    const constants = {
      ...Object.fromEntries([0, 2, 3].map((at) => [`i${at}`, int64([at])])),
      two: int64([2]),
      one: int64([1]),
      c: int64([3]),
      pads: int64([0, 0, 0, 0, 0, 0, 0, 1]),
    };
    const graph = await agreesWithOrt(over(['N', 3, 'H', 'W'], nodes, { constants }), { size: 4 });
    expect(graph.nodes.at(-1)?.attrs).toMatchObject({ shape: [0, 3, 'floor((H)/2)', 2, 'W+1'] });
  });

  it('expands to them, and shuffles pixels both ways', async () => {
    const nodes = [
      node('Shape', 'x', 's'),
      node('Expand', 'c s', 'e'),
      node('Add', 'x e', 'a'),
      node('SpaceToDepth', 'a', 'd', { blocksize: 2 }),
      node('DepthToSpace', 'd', 'y', { blocksize: 2, mode: 'CRD' }),
    ];
    const constants = { c: weights(1, 3, 1, 1) };
    await agreesWithOrt(over(['N', 3, 'H', 'W'], nodes, { constants }), { size: 6 });
  });

  it('tiles axes of one and of more elements', async () => {
    const graph = await agreesWithOrt(
      over(['N', 1, 'H', 3], node('Tile', 'x r', 'y'), { constants: { r: int64([1, 4, 2, 3]) } }),
    );
    expect(kinds(graph)).toEqual(['expand', 'concat', 'concat', 'identity']);
  });

  it('splits an axis of unknown size by given parts', async () => {
    const nodes = [
      node('Split', 'x s', 'a b', { axis: 2 }),
      node('Concat', 'b a', 'y', { axis: 2 }),
    ];
    await agreesWithOrt(over(['N', 3, 'H', 3], nodes, { constants: { s: int64([1, 3]) } }), {
      size: 4,
    });
  });

  it('counts with Range when the numbers are known', async () => {
    const nodes = [node('Range', 'zero n one', 'r'), node('Gather', 'x r', 'y', { axis: 1 })];
    const constants = { zero: int64([0], []), n: int64([3], []), one: int64([1], []) };
    const graph = await agreesWithOrt(over(['N', 4, 2, 2], nodes, { constants }));
    expect(kinds(graph)).toEqual(['gather']);
  });
});

describe('results whose size only running tells', () => {
  const nodes = [
    node('NonMaxSuppression', 'x scores most overlap', 'kept'),
    node('Slice', 'kept two three one', 'last'),
    node('Squeeze', 'last one', 'places'),
    node('Gather', 'boxes places', 'chosen', { axis: 0 }),
    node('Mul', 'chosen half', 'small'),
    node('Relu', 'small', 'y'),
  ];
  const spec = over([1, 12, 4], nodes, {
    constants: {
      scores: weights(1, 2, 12),
      boxes: weights(12, 4),
      most: int64([4]),
      overlap: float32([1], [0.3]),
      two: int64([2]),
      three: int64([3]),
      one: int64([1]),
      half: float32([], [0.5]),
    },
  });

  it('chooses boxes and goes on with them', async () => {
    const graph = await agreesWithOrt(spec);
    expect(kinds(graph)).not.toContain('opaque');
    expect(graph.types.has('y')).toBe(false);
  });
});
