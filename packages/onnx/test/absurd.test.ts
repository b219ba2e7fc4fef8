/**
 * Files that are well-formed protobuf and make no sense: each is refused with the place in the message, or kept as an
 * opaque node, within moments and without much memory. Sizes that a few bytes ask for are never allocated.
 */
import { float32, int64, ModelError, UnsupportedError } from '@decouple/tensor';
import { describe, expect, it } from 'vitest';
import { importOnnx } from '../src/index.ts';
import {
  createTensor,
  createValueInfo,
  DataType,
  encodeModel,
  type NodeProto,
} from '../src/proto.ts';
import { model, node, type ModelSpec } from './protos.ts';

const weight = float32([4, 3, 3, 3], new Float32Array(108));
const net = (nodes: readonly NodeProto[], more: Partial<ModelSpec> = {}): Uint8Array =>
  model({ inputs: { x: [1, 3, 8, 8] }, outputs: ['y'], constants: { w: weight }, nodes, ...more });
const conv = (attrs: Parameters<typeof node>[3]): Uint8Array =>
  net([node('Conv', 'x w', 'y', attrs)]);
const pool = (attrs: Parameters<typeof node>[3]): Uint8Array =>
  net([node('MaxPool', 'x', 'y', attrs)]);
const huge = 2 ** 40;
const claim = (dims: readonly number[], raw = 4): Partial<ModelSpec> => ({
  graph: {
    initializer: [
      createTensor({
        name: 'big',
        dims: dims.map(BigInt),
        dataType: DataType.FLOAT,
        rawData: new Uint8Array(raw),
      }),
    ],
  },
});
const use = [node('Add', 'x big', 'y')];

/** ModelProto { graph { input { type { sequence_type { elem_type { sequence_type { … } } } } } } } } */
function nested(depth: number): Uint8Array {
  const tags = [0x3a, 0x5a, 0x12, ...Array.from({ length: depth }, () => [0x22, 0x0a]).flat()];
  const backwards: number[] = [];
  for (const tag of tags.reverse()) {
    const length: number[] = [];
    for (let rest = backwards.length; length.length === 0 || rest; rest >>>= 7)
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
    backwards.push(...length.reverse(), tag);
  }
  return Uint8Array.from(backwards.reverse());
}

const refused: readonly (readonly [string, () => Uint8Array, RegExp])[] = [
  [
    'a cycle',
    () => net([node('Relu', 'b', 'a'), node('Relu', 'a', 'b'), node('Relu', 'b', 'y')]),
    /'b' is not defined/,
  ],
  ['a node that reads itself', () => net([node('Add', 'x y', 'y')]), /'y' is not defined/],
  ['a missing input', () => net([node('Relu', 'nowhere', 'y')]), /Relu 'y': input 'nowhere'/],
  ['no output', () => net([node('Relu', 'x', 'z')]), /'y'.*no node defines/],
  [
    'a value defined twice',
    () => net([node('Relu', 'x', 'y'), node('Abs', 'x', 'y')]),
    /'y' is defined twice/,
  ],
  [
    'a node that defines an input',
    () => net([node('Relu', 'x', 'x'), node('Relu', 'x', 'y')]),
    /'x' is defined twice/,
  ],
  [
    'an initializer twice',
    () =>
      net(use, {
        graph: {
          initializer: [
            ...(claim([1]).graph?.initializer ?? []),
            ...(claim([1]).graph?.initializer ?? []),
          ],
        },
      }),
    /'big'.*twice/,
  ],
  [
    '2^40 elements in 4 bytes',
    () => net(use, claim([huge])),
    /'big'.*1099511627776 elements expected/,
  ],
  [
    'more elements than can be counted',
    () => net(use, claim([huge, huge])),
    /'big'.*not a possible shape/,
  ],
  [
    'uncountable elements, times 0',
    () => net([node('Relu', 'big', 'y')], claim([0, huge, huge], 0)),
    /more elements than can be counted/,
  ],
  ['negative dimensions', () => net(use, claim([-1, -1])), /'big'.*not a possible shape/],
  ['a fraction of an element', () => net(use, claim([1], 3)), /'big'.*1 elements expected.*0\.75/],
  [
    'an input of uncountable size',
    () => net([node('Relu', 'x', 'y')], { inputs: { x: [huge, huge] } }),
    /more elements than can be counted/,
  ],
  [
    'an input of negative size',
    () => net([node('Relu', 'x', 'y')], { inputs: { x: [-3] } }),
    /'x'.*negative/,
  ],
  [
    'an input of 1000 dimensions',
    () => net([node('Relu', 'x', 'y')], { inputs: { x: Array.from({ length: 1000 }, () => 1) } }),
    /1000 dimensions/,
  ],
  ['groups that do not divide', () => conv({ group: 2 }), /3 input channels.*2 groups/],
  [
    'dilation 2^31',
    () => conv({ dilations: [2 ** 31, 2 ** 31] }),
    /dilation 2147483648.*larger than the padded size/,
  ],
  [
    'padding 2^40',
    () => conv({ pads: [huge, huge, huge, huge] }),
    /more elements than can be counted/,
  ],
  ['a window beyond the input', () => pool({ kernel_shape: [9, 9] }), /window of 9/],
  [
    'padding beyond the window',
    () => pool({ kernel_shape: [2, 2], pads: [2, 2, 2, 2] }),
    /must be smaller than the window/,
  ],
  [
    'an empty kernel',
    () => net([node('Conv', 'x none', 'y')], { constants: { none: float32([4, 3, 0, 0], []) } }),
    /kernel is empty/,
  ],
  [
    'no permutation',
    () => net([node('Transpose', 'x', 'y', { perm: [0, 0, 1, 2] })]),
    /Transpose 'y'/,
  ],
  [
    'a permutation too short',
    () => net([node('Transpose', 'x', 'y', { perm: [1, 0] })]),
    /Transpose 'y'/,
  ],
  [
    'an axis out of range',
    () => net([node('Concat', 'x x', 'y', { axis: 9 })]),
    /axis 9 is outside rank 4/,
  ],
  [
    'a reshape that does not fit',
    () => net([node('Reshape', 'x t', 'y')], { constants: { t: int64([7, -1]) } }),
    /can't be divided/,
  ],
  [
    'a split beyond the axis',
    () =>
      net([node('Split', 'x s', 'a b'), node('Add', 'a b', 'y')], {
        constants: { s: int64([2, 2]) },
      }),
    /parts of \[2,2\] don't split 1/,
  ],
  [
    'a crop beyond the input',
    () => net([node('Pad', 'x p', 'y')], { constants: { p: int64([0, 0, -9, 0, 0, 0, 0, 0]) } }),
    /crop more than there is/,
  ],
  [
    'a weight of NaN',
    () =>
      net([node('Conv', 'x w', 'y')], {
        constants: { w: float32([4, 3, 3, 3], new Float32Array(108).fill(NaN)) },
      }),
    /NaN or Infinity/,
  ],
  [
    'a weight of infinity',
    () =>
      net([node('Conv', 'x w', 'y')], {
        constants: { w: float32([4, 3, 3, 3], new Float32Array(108).fill(-Infinity)) },
      }),
    /NaN or Infinity/,
  ],
  ['deep nesting', () => nested(10_000), /nested too deeply|not an ONNX model/],
  ['invalid UTF-8', () => Uint8Array.of(0x12, 3, 0xff, 0xfe, 0xc0), /not an ONNX model/],
  [
    'offsets past the end',
    () => Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x07, 1),
    /not an ONNX model/,
  ],
  ['nothing at all', () => Uint8Array.of(), /no graph in the file/],
  [
    'no outputs',
    () =>
      encodeModel({
        irVersion: 8n,
        opsetImport: [{ domain: '', version: 13n }],
        graph: { name: 'g', output: [createValueInfo({ name: 'y' })] },
      }),
    /'y'/,
  ],
];

describe('absurd models are refused by name', () => {
  it.each(refused)('%s', (_, make, message) => {
    const bytes = make();
    const act = () => importOnnx(bytes, { file: 'absurd.onnx' });
    expect(act).toThrow(message);
    expect(act).toThrow(/^absurd\.onnx: /);
    const error = failureOf(act);
    expect(error instanceof ModelError || error instanceof UnsupportedError).toBe(true);
  });
});

/** What an operator says that we don't allow is not always wrong elsewhere: the node stays opaque, with the reason. */
const opaque: readonly (readonly [string, () => Uint8Array, RegExp])[] = [
  ['stride 0', () => conv({ strides: [0, 0] }), /stride/],
  ['negative padding', () => conv({ pads: [-9, -9, -9, -9] }), /pads/],
  ['kernel 0', () => pool({ kernel_shape: [0, 0] }), /kernel/],
  ['group 0', () => conv({ group: 0 }), /groups/],
  ['a kernel of other size', () => conv({ kernel_shape: [5, 5] }), /kernel_shape/],
  ['an unknown attribute', () => pool({ kernel_shape: [2, 2], surprise: 1 }), /attribute surprise/],
];

describe('absurd attributes leave a node opaque', () => {
  it.each(opaque)('%s', (_, make, reason) => {
    const { graph, warnings } = importOnnx(make());
    expect(graph.nodes.map(({ op }) => op)).toEqual(['opaque']);
    expect(warnings[0]?.message).toMatch(reason);
  });
});

describe('models that ask for much get little', () => {
  /** A constant of 2^40 zeros, of 2^30, and one that doubles sixty times. */
  const doubling = Array.from({ length: 60 }, (_, step) =>
    node('Concat', step ? `v${step} v${step}` : 'w w', `v${step + 1}`, { axis: 0 }),
  );
  it.each([
    [
      'ConstantOfShape of 2^40',
      () =>
        net([node('ConstantOfShape', 'n', 'c'), node('Add', 'x c', 'y')], {
          constants: { n: int64([huge]) },
        }),
    ],
    [
      'ConstantOfShape of 2^30',
      () =>
        net([node('ConstantOfShape', 'n', 'c'), node('Add', 'x c', 'y')], {
          constants: { n: int64([2 ** 30]) },
        }),
    ],
    ['constants that double', () => net([...doubling, node('Relu', 'v60', 'y')])],
    [
      'sizes that double',
      () =>
        net(
          [
            ...doubling
              .slice(0, 20)
              .map((each, step) => (step ? each : node('Concat', 'x x', 'v1', { axis: 0 }))),
            node('Relu', 'v20', 'y'),
          ],
          { inputs: { x: ['N', 4] } },
        ),
    ],
    [
      'a convolution of constants with much work',
      () =>
        net([node('Conv', 'k w', 'c', { pads: [500, 500, 500, 500] }), node('Add', 'x c', 'y')], {
          constants: { w: weight, k: float32([1, 3, 64, 64], new Float32Array(12288)) },
        }),
    ],
    [
      'a padded constant',
      () =>
        net([node('Pad', 'w p', 'c'), node('Add', 'x c', 'y')], {
          constants: { w: weight, p: int64([0, 0, 0, 0, 2 ** 20, 2 ** 20, 0, 0]) },
        }),
    ],
    [
      'a window of 2^31',
      () => pool({ kernel_shape: [2 ** 31, 2 ** 31], pads: [2 ** 31 - 1, 2 ** 31 - 1, 0, 0] }),
    ],
  ])('%s', (_, make) => {
    const before = process.memoryUsage().rss;
    try {
      const { graph } = importOnnx(make(), { file: 'greedy.onnx' });
      for (const { data } of graph.constants.values()) expect(data.length).toBeLessThan(2 ** 23);
    } catch (error) {
      expect(error).toBeInstanceOf(ModelError);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(5e8);
  });

  it('imports 20,000 nodes and names them apart', () => {
    const count = 20_000;
    const chain = Array.from({ length: count }, (_, step) =>
      node('Relu', step ? `v${step}` : 'x', `v${step + 1}`, {}, { name: 'same' }),
    );
    const { graph } = importOnnx(net(chain, { outputs: [`v${count}`], constants: {} }));
    expect(new Set(graph.nodes.map(({ name }) => name)).size).toBe(count);
  });

  it('refuses 20,000 nodes of one output without naming them for long', () => {
    const same = Array.from({ length: 20_000 }, () => node('Relu', 'x', 'y'));
    expect(() => importOnnx(net(same))).toThrow(/'y' is defined twice/);
  });

  it('survives names of a megabyte, and those that objects have already', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'a b\n"\u0000']) {
      const { graph } = importOnnx(encodeNamed(name));
      expect(graph.inputs.map((input) => input.name)).toEqual([name]);
      expect(graph.inputs[0]?.type.shape[0]).toBe(name);
    }
    const error = failureOf(() => importOnnx(encodeNamed('n'.repeat(2 ** 20))));
    expect(error.message).toMatch(/symbolic size of more than|…$/);
    expect(error.message.length).toBeLessThan(10_000);
  });
});

function failureOf(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('nothing was thrown');
}

const encodeNamed = (name: string): Uint8Array =>
  model({
    inputs: { [name]: [name, 4] },
    outputs: ['y'],
    nodes: [node('Relu', '', 'y')].map((each) => ({ ...each, input: [name] })),
  });
