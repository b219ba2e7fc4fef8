/** Operators that are spelled out in others, as onnxruntime computes them. */
import { interpret, type Graph } from '@decouple/ir';
import { createRandom, float32, int64, normals, tensor, type Tensor } from '@decouple/tensor';
import { describe, expect, it } from 'vitest';
import { exportOnnx, importOnnx } from '../src/index.ts';
import { DataType } from '../src/proto.ts';
import { expectClose, info, model, node, runOrt, type ModelSpec } from './protos.ts';

const kinds = (graph: Graph): string[] => graph.nodes.map(({ op }) => op);

/** Imports, and compares with onnxruntime what the graph gives, and what it gives when exported. */
async function checked(spec: ModelSpec, inputs: Record<string, Tensor>): Promise<Graph> {
  const bytes = model(spec);
  const { graph, warnings } = importOnnx(bytes);
  expect(warnings).toEqual([]);
  const actual = interpret(graph, inputs);
  expectClose(actual, await runOrt(bytes, inputs));
  const again = exportOnnx(graph);
  expect(importOnnx(again).warnings).toEqual([]);
  expectClose(interpret(importOnnx(again).graph, inputs), actual);
  expectClose(actual, await runOrt(again, inputs));
  return graph;
}

const x = float32([2, 3, 4], normals(createRandom(4), 24, 2));
const shape = { x: ['N', 3, 4] };

type Case = readonly [string, number, Parameters<typeof node>[3], string[]];

/** With the operator set that has them, and the ops that they become. */
const unary: readonly Case[] = [
  ['Celu', 12, {}, ['elu']],
  ['Celu', 12, { alpha: { float: 2 } }, ['div', 'elu', 'mul']],
  ['Softsign', 13, {}, ['abs', 'add', 'div']],
  ['ThresholdedRelu', 10, { alpha: { float: 0.7 } }, ['compare', 'where']],
  ['Mish', 18, {}, ['softplus', 'tanh', 'mul']],
  ['Gelu', 20, {}, ['mul', 'erf', 'mul', 'add', 'mul']],
  [
    'Gelu',
    20,
    { approximate: 'tanh' },
    ['mul', 'mul', 'mul', 'add', 'mul', 'tanh', 'mul', 'add', 'mul'],
  ],
  [
    'Shrink',
    13,
    { lambd: { float: 1.5 }, bias: { float: 0.25 } },
    ['compare', 'compare', 'add', 'where', 'sub', 'where'],
  ],
  ['Neg', 13, {}, ['mul']],
  ['Reciprocal', 13, {}, ['div']],
  ['ReduceL1', 18, {}, ['abs', 'reduce']],
  ['ReduceL2', 11, { axes: [1], keepdims: 0 }, ['mul', 'reduce', 'sqrt']],
  ['ReduceSumSquare', 13, { axes: [-1] }, ['mul', 'reduce']],
  ['ReduceLogSumExp', 11, { axes: [2] }, ['reduce', 'clip', 'sub', 'exp', 'reduce', 'log', 'add']],
  [
    'ReduceLogSumExp',
    13,
    { axes: [0, 2], keepdims: 0 },
    ['reduce', 'clip', 'sub', 'exp', 'reduce', 'log', 'add', 'squeeze'],
  ],
  ['ReduceMax', 11, {}, ['reduce']],
  ['ReduceSum', 13, { noop_with_empty_axes: 1 }, ['identity']],
  ['LogSoftmax', 11, { axis: 1 }, ['reshape', 'log-softmax', 'reshape']],
  ['Hardmax', 13, { axis: 1 }, ['arg-extreme', 'compare', 'cast']],
];

describe('functions of one value', () => {
  it.each(unary)('%s of set %i %j', async (opType, opset, attrs, expected) => {
    const spec = { inputs: shape, outputs: ['y'], opset, nodes: [node(opType, 'x', 'y', attrs)] };
    expect(kinds(await checked(spec, { x }))).toEqual(expected);
  });

  it('finds NaN and infinities', () => {
    const special = float32([6], [0, NaN, Infinity, -Infinity, 3.4e38, -1]);
    const nodes = [
      node('IsNaN', 'x', 'nan'),
      node('IsInf', 'x', 'any'),
      node('IsInf', 'x', 'positive', { detect_negative: 0 }),
      node('IsInf', 'x', 'negative', { detect_positive: 0 }),
    ];
    const outputs = ['nan', 'any', 'positive', 'negative'];
    const { graph } = importOnnx(model({ inputs: { x: [6] }, outputs, nodes }));
    const results = interpret(graph, { x: special });
    expect(outputs.map((output) => [...(results[output] as Tensor).data])).toEqual([
      [0, 1, 0, 0, 0, 0],
      [0, 0, 1, 1, 0, 0],
      [0, 0, 1, 0, 0, 0],
      [0, 0, 0, 1, 0, 0],
    ]);
  });
});

describe('functions of several values', () => {
  const inputs = { x, z: float32([4], [-1, 0, 0.5, 2]), w: float32([3, 1], [1, 0, -2]) };
  const shapes = { ...shape, z: [4], w: [3, 1] };

  it.each([
    ['Max', ['max', 'max']],
    ['Min', ['min', 'min']],
    ['Sum', ['add', 'add']],
    ['Mean', ['add', 'add', 'div']],
  ])('%s of three', async (opType, expected) => {
    const spec = { inputs: shapes, outputs: ['y'], nodes: [node(opType, 'x z w', 'y')] };
    expect(kinds(await checked(spec, inputs))).toEqual(expected);
  });

  it('clips by computed bounds, and whole numbers', async () => {
    const computed = {
      inputs: { ...shape, low: [], high: [] },
      outputs: ['y'],
      nodes: [node('Clip', 'x low high', 'y')],
    };
    const bounds = { low: float32([], [-1]), high: float32([], [0.5]) };
    expect(kinds(await checked(computed, { x, ...bounds }))).toEqual(['max', 'min']);
    const numbers = tensor('int32', [4], Int32Array.of(-5, 0, 5, 9));
    const spec = {
      inputs: {},
      outputs: ['y'],
      nodes: [node('Clip', 'n low', 'y')],
      constants: { low: tensor('int32', [], Int32Array.of(1)) },
      graph: { input: [info('n', [4], DataType.INT32)] },
    };
    const { graph } = importOnnx(model(spec));
    expect(kinds(graph)).toEqual(['max']);
    expect([...(interpret(graph, { n: numbers }).y as Tensor).data]).toEqual([1, 1, 5, 9]);
  });

  it('squares by a product', async () => {
    const constants = { two: float32([], [2]) };
    const nodes = [node('Pow', 'x two', 'y')];
    const spec = { inputs: shape, outputs: ['y'], nodes, constants };
    expect(kinds(await checked(spec, { x }))).toEqual(['mul']);
  });

  it('exchanges the inputs of less', async () => {
    const nodes = [
      node('Less', 'x z', 'a'),
      node('LessOrEqual', 'x w', 'b'),
      node('Xor', 'a b', 'c'),
      node('Where', 'c x z', 'y'),
    ];
    const spec = { inputs: shapes, outputs: ['y'], nodes };
    expect(kinds(await checked(spec, inputs))).toEqual(['compare', 'compare', 'logical', 'where']);
  });

  it('takes slopes per channel before opset 7', () => {
    const constants = { slope: float32([3], [0, 1, 2]) };
    const nodes = [node('PRelu', 'x slope', 'y')];
    const spec = { inputs: shape, outputs: ['y'], nodes, constants, opset: 6, irVersion: 3 };
    const { graph } = importOnnx(model(spec));
    const ones = float32([1, 3, 4], new Float32Array(12).fill(-1));
    const result = [...(interpret(graph, { x: ones }).y as Tensor).data];
    expect(result.map((value) => Number(value) + 0)).toEqual([
      0, 0, 0, 0, -1, -1, -1, -1, -2, -2, -2, -2,
    ]);
  });
});

describe('indices', () => {
  it('finds the largest by their places', async () => {
    const constants = { k: int64([2]) };
    const nodes = [node('TopK', 'x k', 'y i', { axis: 1 }), node('Cast', 'i', 'j', { to: 1 })];
    const spec = { inputs: shape, outputs: ['y', 'j'], nodes, constants };
    expect(kinds(await checked(spec, { x }))).toEqual(['top-k', 'gather-elements', 'cast']);
    const alone = { ...spec, outputs: ['y'], nodes: nodes.slice(0, 1) };
    expect(kinds(await checked(alone, { x }))).toEqual(['top-k', 'gather-elements']);
  });

  it.each([-1, 0, 1])('encodes classes along axis %i', async (axis) => {
    const indices = float32([2, 3], [0, 2, -1, -4, 3, 7]);
    const constants = { depth: int64([4]), values: float32([2], [-1, 5]) };
    const nodes = [
      node('Cast', 'n', 'i', { to: DataType.INT64 }),
      node('OneHot', 'i depth values', 'y', { axis }),
    ];
    const spec = { inputs: { n: ['N', 3] }, outputs: ['y'], nodes, constants };
    expect(kinds(await checked(spec, { n: indices }))).toContain('where');
  });

  it('counts elements', async () => {
    const nodes = [node('Size', 'x', 's'), node('Cast', 's', 'y', { to: 1 })];
    expect(kinds(await checked({ inputs: shape, outputs: ['y'], nodes }, { x }))).toContain(
      'reduce',
    );
    const fixed = importOnnx(model({ inputs: { x: [2, 3] }, outputs: ['y'], nodes })).graph;
    expect([...(fixed.constants.get('y') as Tensor).data]).toEqual([6]);
  });
});

describe('export', () => {
  it('takes the oldest operator set that has a form', () => {
    const spec = {
      inputs: {},
      outputs: ['y'],
      opset: 20,
      nodes: [node('ReduceMax', 'n', 'y')],
      graph: { input: [info('n', [4], DataType.BOOL)] },
    };
    const { graph } = importOnnx(model(spec));
    expect(() => exportOnnx(graph, { opset: 13 })).toThrow(/needs operator set 20/);
    expect(exportOnnx(graph)).toEqual(exportOnnx(graph, { opset: 20 }));
  });
});
