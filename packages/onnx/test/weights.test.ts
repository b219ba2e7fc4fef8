/** Files with smaller weights: what they hold, that they come back, and that onnxruntime runs them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { graphBuilder, interpret, type Graph } from '@decouple/ir';
import {
  createRandom,
  difference,
  float32,
  innerSize,
  ModelError,
  normals,
  OptionError,
  sizeOf,
  tensor,
  UnsupportedError,
  type Tensor,
  type WeightStorage,
} from '@decouple/tensor';
import { damaged } from '@decouple/tensor/mutations';
import { describe, expect, it } from 'vitest';
import { exportOnnx, importOnnx } from '../src/index.ts';
import { readOnnx, writeOnnx } from '../src/node.ts';
import { decodeModel, DataType } from '../src/proto.ts';
import { expectClose, model, node, randomInputs, runOrt } from './protos.ts';

const random = createRandom(3);
const weight = (...shape: number[]): Tensor =>
  tensor('float32', shape, normals(random, sizeOf(shape)));

/** A net with weights in every place, and the axis of the output channels of each. */
function net(): Graph {
  const b = graphBuilder('net');
  const x = b.input('x', ['N', 8, 6, 6]);
  const conv = b.node(
    'conv2d',
    [x, b.constant('conv', weight(32, 8, 3, 3)), b.constant('bias', weight(32))],
    {
      pads: [1, 1, 1, 1],
    },
  );
  const depthwise = b.node('conv2d', [conv, b.constant('depthwise', weight(32, 1, 6, 6))], {
    groups: 32,
    pads: [3, 3, 2, 2],
  });
  const place = b.node('add', [depthwise, b.constant('place', weight(1, 32, 6, 6))]);
  const up = b.node('conv-transpose2d', [place, b.constant('up', weight(32, 12, 2, 2))], {
    stride: [2, 2],
  });
  const mixed = b.node('matmul', [up, b.constant('right', weight(12, 90))]);
  const left = b.node('matmul', [b.constant('left', weight(95, 12)), mixed]);
  const mean = b.node('reduce', [left], { kind: 'mean', axes: [2], keepDims: false });
  const flat = b.node('reshape', [mean], { shape: [0, -1] });
  const y = b.node(
    'linear',
    [flat, b.constant('head', weight(10, 1080)), b.constant('offset', weight(10))],
    {},
    'y',
  );
  const small = b.node('mul', [y, b.constant('small', weight(1, 10))], {}, 'z');
  return b.build([small]);
}
const axes = { conv: 0, depthwise: 0, up: 1, right: 1, left: 0, head: 0 } as const;

const importedFrom = (bytes: Uint8Array): Graph => {
  const { graph, warnings } = importOnnx(bytes);
  expect(warnings).toEqual([]);
  return graph;
};

const graph = net();
const plain = importOnnx(exportOnnx(graph)).graph;
const initializersOf = (bytes: Uint8Array): Map<string, number> =>
  new Map(decodeModel(bytes, 'm').graph?.initializer.map(({ name, dataType }) => [name, dataType]));

describe.each([
  ['f16', 1.9],
  ['i8', 3.4],
] as const)('weights of %s', (weights, ratio) => {
  const bytes = exportOnnx(graph, { weights });
  const again = importedFrom(bytes);

  it('come back as float32 constants of the same names, the others unchanged', () => {
    expect(again.nodes).toEqual(plain.nodes);
    expect([...again.constants.keys()].sort()).toEqual([...graph.constants.keys()].sort());
    for (const [name, value] of graph.constants) {
      const own = again.constants.get(name) as Tensor;
      expect(own.shape).toEqual(value.shape);
      expect(difference(own, value).maxAbs > 0, name).toBe(Object.hasOwn(axes, name));
    }
  });

  it(`make the file ${ratio} times smaller or more`, () => {
    const other = 4 * 32 * 6 * 6;
    expect((exportOnnx(graph).length - other) / (bytes.length - other)).toBeGreaterThan(ratio);
  });

  it('give in onnxruntime what the network of rounded weights gives', async () => {
    const inputs = randomInputs(again, 2);
    const outputs = await runOrt(bytes, inputs);
    expectClose(interpret(again, inputs), outputs);
    // The rounding is there, and no more than that.
    const gap = difference(outputs['z'] as Tensor, interpret(graph, inputs)['z'] as Tensor).maxRel;
    expect(gap).toBeGreaterThan(1e-5);
    expect(gap).toBeLessThan(weights === 'f16' ? 5e-3 : 0.1);
  });

  it('are the same bytes when written again', () => {
    const first = exportOnnx(again, { weights });
    expect(Buffer.compare(exportOnnx(importedFrom(first), { weights }), first)).toBe(0);
  });

  it('survive damage', () => {
    const b = graphBuilder('small');
    const w = b.constant('w', weight(16, 64, 1, 1));
    const whole = exportOnnx(b.build([b.node('conv2d', [b.input('x', ['N', 64, 2, 2]), w])]), {
      weights,
    });
    // What surrounds the numbers is what can go wrong.
    const tokens = ['w', 'Cast', 'DequantizeLinear', 'axis', 'to'].map((text) =>
      new TextEncoder().encode(text),
    );
    let accepted = 0;
    for (let round = 0; round < 500; round++)
      try {
        importOnnx(damaged(whole, random, { tokens }), { file: 'damaged.onnx' });
        accepted++;
      } catch (error) {
        if (!(error instanceof ModelError || error instanceof UnsupportedError)) throw error;
        expect(error.message).toMatch(/^damaged\.onnx: /);
      }
    expect(accepted).toBeGreaterThan(25);
    expect(accepted).toBeLessThan(475);
  });
});

it('float16 weights are within half an ulp', () => {
  const { constants } = importedFrom(exportOnnx(graph, { weights: 'f16' }));
  for (const name of Object.keys(axes))
    graph.constants.get(name)?.data.forEach((value, at) => {
      const error = Math.abs(Number(constants.get(name)?.data[at]) - Number(value));
      expect(error).toBeLessThanOrEqual(Math.max(2 ** -25, Math.abs(Number(value)) * 2 ** -11));
    });
});

it('8-bit weights are within half a step of their output channel', () => {
  const { constants } = importedFrom(exportOnnx(graph, { weights: 'i8' }));
  for (const [name, axis] of Object.entries(axes)) {
    const { shape, data } = graph.constants.get(name) as Tensor;
    const inner = innerSize(shape, axis);
    const channels = shape[axis] as number;
    const channelOf = (at: number): number => Math.floor(at / inner) % channels;
    const largest = new Float32Array(channels);
    data.forEach((value, at) => {
      const channel = channelOf(at);
      largest[channel] = Math.max(largest[channel] as number, Math.abs(Number(value)));
    });
    data.forEach((value, at) => {
      const error = Math.abs(Number(constants.get(name)?.data[at]) - Number(value));
      expect(error, name).toBeLessThanOrEqual((largest[channelOf(at)] as number) / 253.99);
    });
  }
});

it('the file holds standard types and operators', () => {
  expect(initializersOf(exportOnnx(graph, { weights: 'f16' })).get('conv/half')).toBe(
    DataType.FLOAT16,
  );
  const bytes = exportOnnx(graph, { weights: 'i8' });
  expect(initializersOf(bytes).get('head/integers')).toBe(DataType.INT8);
  const found = decodeModel(bytes, 'm').graph?.node.filter(
    ({ opType }) => opType === 'DequantizeLinear',
  );
  // The right factor of a MatMul has one axis more in the file.
  const { right, ...others } = axes;
  const places = found?.map(({ output, attribute }) => [output[0], Number(attribute[0]?.i)]);
  expect(new Map(places as [string, number][])).toEqual(
    new Map([...Object.entries(others), ['right/values', right + 1]]),
  );
});

it('8 bits need operator set 13, and storages have names', () => {
  expect(() => exportOnnx(graph, { weights: 'i8', opset: 12 })).toThrow(/needs operator set 13/);
  expect(() => exportOnnx(graph, { weights: 'i4' as WeightStorage })).toThrow(OptionError);
});

describe('DequantizeLinear', () => {
  const dequantized = (
    constants: Record<string, Tensor>,
    attrs: Parameters<typeof node>[3] = {},
    opset = 13,
  ): Uint8Array => {
    const inputs = constants['zero'] ? 'q scale zero' : 'q scale';
    const nodes = [node('DequantizeLinear', inputs, 'w', attrs), node('Add', 'x w', 'y')];
    return model({ opset, inputs: { x: [2, 3] }, outputs: ['y'], constants, nodes });
  };
  const q = tensor('int8', [2, 3], Int8Array.of(-128, -1, 0, 1, 2, 127));
  const scales = (...values: number[]): Tensor => float32([values.length], values);

  it.each([
    ['a scale', { q, scale: float32([], [0.1]) }, {}, 10],
    [
      'a scale and a zero point',
      { q, scale: float32([], [0.3]), zero: tensor('int8', [], Int8Array.of(-5)) },
      {},
      10,
    ],
    [
      'scales of the second axis',
      { q, scale: scales(0.1, 0.2, 0.7), zero: tensor('int8', [3], Int8Array.of(1, -2, 3)) },
      {},
      13,
    ],
    ['scales of the first axis', { q, scale: scales(0.1, 3) }, { axis: -2 }, 13],
    [
      'bytes',
      {
        q: tensor('uint8', [2, 3], Uint8Array.of(0, 1, 2, 128, 254, 255)),
        scale: scales(0.1, 3),
        zero: tensor('uint8', [2], Uint8Array.of(128, 7)),
      },
      { axis: 0 },
      13,
    ],
    [
      'large integers',
      {
        q: tensor('int32', [2, 3], Int32Array.of(2 ** 30 + 1, -(2 ** 31), 3, 4, 5, 6)),
        scale: float32([], [1e-9]),
      },
      {},
      13,
    ],
  ] as const)('of constants with %s is a constant', async (_, constants, attrs, opset) => {
    const bytes = dequantized(constants, attrs, opset);
    const read = importedFrom(bytes);
    expect(read.nodes.map(({ op }) => op)).toEqual(['add']);
    const inputs = { x: float32([2, 3], new Float32Array(6)) };
    expect(interpret(read, inputs)).toEqual(await runOrt(bytes, inputs));
  });

  it('with scales that fit no axis, or are not finite, is an error', () => {
    const read =
      (scale: Tensor, attrs = {}) =>
      () =>
        importOnnx(dequantized({ q, scale }, attrs), { file: 'bad.onnx' });
    expect(read(scales(1, 2))).toThrow(/bad\.onnx: .*scale of shape \[2\], expected \[\] or \[3\]/);
    expect(read(scales(1, 2), { axis: 5 })).toThrow(/axis 5 is none of \[2,3\]/);
    expect(read(float32([1, 3], [1, 2, 3]))).toThrow(ModelError);
    expect(read(scales(1, Infinity, 2))).toThrow(/NaN or Infinity/);
    expect(read(scales(1, Number.NaN, 2))).toThrow(/NaN or Infinity/);
  });

  it('of what is computed, or more than folding may do, stays', () => {
    const nodes = [node('DequantizeLinear', 'q scale', 'w')];
    const spec = { inputs: { scale: [] }, outputs: ['w'], constants: { q }, nodes };
    const { graph: computed, warnings } = importOnnx(model(spec));
    expect(computed.nodes.map(({ op }) => op)).toEqual(['opaque']);
    expect(warnings[0]?.message).toMatch(/not of constants only/);
    const bytes = dequantized({ q, scale: float32([], [0.1]) });
    expect(importOnnx(bytes, { folding: 11 }).graph.nodes[0]?.op).toBe('opaque');
    expect(importOnnx(bytes, { folding: 30 }).graph.nodes[0]?.op).toBe('add');
  });
});

describe.each([
  ['vgg16', 1.98, 3.9],
  ['resnet20', 1.9, 3.5],
] as const)('%s', (name, half, eighth) => {
  const trained = importOnnx(
    readFileSync(new URL(`../../../test-models/${name}-cifar10.onnx`, import.meta.url)),
  ).graph;
  const size = exportOnnx(trained).length;

  it.each([
    ['f16', half],
    ['i8', eighth],
  ] as const)('of %s is %f times smaller and runs in onnxruntime', async (weights, ratio) => {
    const bytes = exportOnnx(trained, { weights });
    expect(size / bytes.length).toBeGreaterThan(ratio);
    const rounded = importedFrom(bytes);
    const inputs = randomInputs(rounded, 2);
    expectClose(await runOrt(bytes, inputs), await runOrt(exportOnnx(rounded), inputs), 2e-5);
  });
});

it.each(['f16', 'i8'] as const)('weights of %s may lie in a second file', async (weights) => {
  const folder = mkdtempSync(join(tmpdir(), 'decouple-onnx-'));
  const path = join(folder, 'net.onnx');
  await writeOnnx(path, graph, { weights, externalData: true });
  const { graph: read } = await readOnnx(path);
  expect(isDeepStrictEqual(read, importedFrom(exportOnnx(graph, { weights })))).toBe(true);
  rmSync(folder, { recursive: true });
});
