/** What importers make of ONNX nodes, in models made by hand. */
import { interpret, type Graph, type Node } from '@decouple/ir';
import {
  createRandom,
  float32,
  int64,
  ModelError,
  normals,
  sizeOf,
  tensor,
  type Tensor,
} from '@decouple/tensor';
import { describe, expect, it } from 'vitest';
import { exportOnnx, importOnnx } from '../src/index.ts';
import { createTensor, DataType, type NodeProto } from '../src/proto.ts';
import {
  expectClose,
  info,
  initializer,
  model,
  node,
  randomInputs,
  runOrt,
  type ModelSpec,
} from './protos.ts';

const random = createRandom(3);
const weights = (...shape: number[]): Tensor => float32(shape, normals(random, sizeOf(shape)));

const kinds = (graph: Graph): string[] => graph.nodes.map(({ op }) => op);
const attrsOf = (graph: Graph, name: string): unknown =>
  graph.nodes.find((candidate) => candidate.name === name)?.attrs;

/** Imports, compares with onnxruntime, and checks that exporting and importing gives the same graph. */
async function checked(spec: ModelSpec, size = 2): Promise<Graph> {
  const bytes = model(spec);
  const { graph, warnings } = importOnnx(bytes);
  expect(warnings).toEqual([]);
  const inputs = randomInputs(graph, size);
  const actual = interpret(graph, inputs);
  expectClose(actual, await runOrt(bytes, inputs));
  const again = exportOnnx(graph);
  expect(importOnnx(again).graph).toEqual(graph);
  expectClose(actual, await runOrt(again, inputs));
  return graph;
}

const one = (nodes: NodeProto | NodeProto[], spec: Partial<ModelSpec> = {}): ModelSpec => ({
  inputs: { x: ['N', 3, 6, 7] },
  outputs: ['y'],
  nodes: [nodes].flat(),
  ...spec,
});

describe('forms that differ between operator sets', () => {
  it.each([7, 9])('pads, clips and slices by attributes in opset %i', async (opset) => {
    const nodes = [
      node('Pad', 'x', 'a', { pads: [0, 0, 1, 2, 0, 0, 0, 1], value: { float: 0.5 } }),
      node('Clip', 'a', 'b', { min: { float: -0.5 } }),
      node('Slice', 'b', 'c', { axes: [1, 2], starts: [1, -3], ends: [3, 2 ** 31] }),
      node('Unsqueeze', 'c', 'd', { axes: [0, 3] }),
      node('Squeeze', 'd', 'y', { axes: [0] }),
    ];
    const graph = await checked(one(nodes, { opset }));
    expect(kinds(graph)).toEqual(['pad', 'clip', 'slice', 'unsqueeze', 'squeeze']);
    expect(attrsOf(graph, 'c')).toEqual({
      axes: [1, 2],
      starts: [1, -3],
      ends: [3, 7],
      steps: [1, 1],
    });
  });

  it.each([11, 13])('takes lists as inputs in opset %i', async (opset) => {
    const axes = opset < 13 ? { axes: [0] } : {};
    const nodes = [
      node('Pad', 'x pads half', 'a'),
      node('Clip', 'a - one', 'b'),
      node('Slice', 'b starts ends axes steps', 'c'),
      node('Unsqueeze', opset < 13 ? 'c' : 'c zero', 'd', axes),
      node('ReduceMean', 'd', 'y', { axes: [-1], keepdims: 0 }),
    ];
    const constants = {
      pads: int64([0, 0, 1, 2, 0, 0, 0, 1]),
      half: float32([], [0.5]),
      one: float32([], [1]),
      zero: int64([0]),
      starts: int64([-1]),
      ends: tensor('int64', [1], BigInt64Array.of(-(2n ** 63n))),
      axes: int64([3]),
      steps: int64([-2]),
    };
    const graph = await checked(one(nodes, { opset, constants }));
    expect(kinds(graph)).toEqual(['pad', 'clip', 'slice', 'unsqueeze', 'reduce']);
  });

  it('takes several axes as one in a softmax before opset 13', async () => {
    const last = one(node('Softmax', 'x', 'y', { axis: 3 }), { opset: 11 });
    expect(kinds(await checked(last))).toEqual(['softmax']);
    const several = (axis: number) => one(node('LogSoftmax', 'x', 'y', { axis }), { opset: 11 });
    for (const axis of [0, 1, -2]) {
      const graph = await checked(several(axis));
      expect(kinds(graph)).toEqual(['reshape', 'log-softmax', 'reshape']);
    }
  });

  it('aligns axes as before opset 7', () => {
    const nodes = [
      node('Add', 'x c', 'a', { broadcast: 1, axis: 1 }),
      node('Mul', 'a w', 'b', { broadcast: 1 }),
      node('Dropout', 'b', 'y m', { is_test: 1 }),
    ];
    const constants = { c: weights(3), w: weights(7) };
    const spec = one(nodes, { opset: 6, irVersion: 3, constants });
    const { graph, warnings } = importOnnx(model(spec));
    expect(warnings).toEqual([]);
    expect(kinds(graph)).toEqual(['add', 'mul', 'dropout']);
    expect(graph.types.get(graph.nodes[0]?.inputs[1] ?? '')?.shape).toEqual([3, 1, 1]);
    const training = importOnnx(model(one(node('Dropout', 'x', 'y'), { opset: 6 })));
    expect(training.warnings[0]?.message).toContain('training mode');
    expect(() => exportOnnx(training.graph)).toThrow(/operator set 6/);
  });
});

describe('operator sets', () => {
  it.each([7, 13, 25])('takes %i', (opset) => {
    expect(importOnnx(model(one(node('Relu', 'x', 'y'), { opset }))).warnings).toEqual([]);
  });

  it('warns of newer ones than it knows', () => {
    const { graph, warnings } = importOnnx(model(one(node('Relu', 'x', 'y'), { opset: 26 })));
    expect(kinds(graph)).toEqual(['relu']);
    expect(warnings[0]?.message).toMatch(/operator set 26 is newer/);
  });
});

describe('windows', () => {
  it.each([
    ['SAME_UPPER', 1, [0, 0, 1, 1]],
    ['SAME_LOWER', 1, [1, 1, 0, 0]],
    ['SAME_UPPER', 2, [0, 0, 0, 1]],
    ['SAME_LOWER', 2, [0, 1, 0, 0]],
    ['VALID', 2, [0, 0, 0, 0]],
  ])('resolves auto_pad %s at stride %i', async (mode, stride, pads) => {
    const attrs = { auto_pad: mode, strides: [stride, stride] };
    const constants = { w: weights(4, 3, 2, 2) };
    const conv = node('Conv', 'x w', 'y', { ...attrs, kernel_shape: [2, 2] });
    expect(attrsOf(await checked(one(conv, { constants })), 'y')).toMatchObject({ pads });
    const pool = node('MaxPool', 'x', 'y', { ...attrs, kernel_shape: [2, 2] });
    expect(attrsOf(await checked(one(pool)), 'y')).toMatchObject({ pads });
  });

  it('resolves auto_pad with unknown sizes only at stride 1', () => {
    const at = (stride: number): string[] => {
      const conv = node('Conv', 'x w', 'y', { auto_pad: 'SAME_UPPER', strides: [stride, stride] });
      const spec = { inputs: { x: ['N', 3, 'H', 'W'] }, constants: { w: weights(4, 3, 3, 3) } };
      return kinds(importOnnx(model(one(conv, spec))).graph);
    };
    expect(at(1)).toEqual(['conv2d']);
    expect(at(2)).toEqual(['opaque']);
  });

  it('keeps four-dimensional convolution opaque', () => {
    const spec = one(node('Conv', 'x w', 'y'), {
      inputs: { x: [1, 3, 2, 2, 2, 8] },
      constants: { w: weights(4, 3, 1, 1, 1, 3) },
    });
    const { graph, warnings } = importOnnx(model(spec));
    expect(kinds(graph)).toEqual(['opaque']);
    expect(warnings).toEqual([
      { message: 'Conv is kept as opaque: 4 spatial dimensions', nodes: ['y'], count: 1 },
    ]);
  });

  it('refuses a weight that does not fit its input', () => {
    const spec = one(node('Conv', 'x w', 'y'), { constants: { w: weights(4, 5, 3, 3) } });
    const fixed = { ...spec, inputs: { x: [1, 3, 6, 7] } };
    expect(() => importOnnx(model(fixed), { file: 'net.onnx' })).toThrow(
      /net\.onnx: Conv 'y': 3 input channels/,
    );
  });
});

describe('matrix products', () => {
  const inputs = { x: ['N', 5] };

  it.each([
    ['plain', {}, [5, 4]],
    ['transposed and scaled', { transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } }, [4, 5]],
  ])('folds Gemm into linear: %s', async (_name, attrs, shape) => {
    const spec = one(node('Gemm', 'x w c', 'y', attrs), {
      inputs,
      constants: { w: weights(...shape), c: weights(1, 4) },
    });
    const graph = await checked(spec);
    expect(kinds(graph)).toEqual(['linear']);
    expect(graph.constants.get(graph.nodes[0]?.inputs[1] ?? '')?.shape).toEqual([4, 5]);
  });

  it('keeps the constants of a Gemm that is linear already', async () => {
    const spec = one(node('Gemm', 'x w c', 'y', { transB: 1 }), {
      inputs,
      constants: { w: weights(4, 5), c: weights(4) },
    });
    expect([...(await checked(spec)).constants.keys()]).toEqual(['w', 'c']);
  });

  it('adds what is not a bias', async () => {
    const spec = one(node('Gemm', 'x w c', 'y', { beta: { float: 0.25 } }), {
      inputs: { x: [2, 5] },
      constants: { w: weights(5, 4), c: weights(2, 4) },
    });
    expect(kinds(await checked(spec))).toEqual(['linear', 'add']);
  });

  it('spells out a Gemm of two computed matrices', async () => {
    const spec = one(node('Gemm', 'x z', 'y', { transB: 1, alpha: { float: 3 } }), {
      inputs: { x: [2, 5], z: [4, 5] },
    });
    expect(kinds(await checked(spec))).toEqual(['mul', 'transpose', 'matmul']);
  });

  it('transposes A of Gemm', async () => {
    const spec = one(node('Gemm', 'x w', 'y', { transA: 1 }), {
      inputs: { x: [5, 2] },
      constants: { w: weights(5, 4) },
    });
    expect(kinds(await checked(spec))).toEqual(['transpose', 'linear']);
  });

  it('makes MatMul linear only for rank 2', async () => {
    const constants = { w: weights(5, 4) };
    const flat = await checked(one(node('MatMul', 'x w', 'y'), { inputs, constants }));
    expect(kinds(flat)).toEqual(['linear']);
    const stacked = { inputs: { x: ['N', 3, 5] }, constants };
    expect(kinds(await checked(one(node('MatMul', 'x w', 'y'), stacked)))).toEqual(['matmul']);
  });
});

describe('shape arithmetic', () => {
  it('follows the batch into a reshape', async () => {
    const nodes = [
      node('Shape', 'x', 's'),
      node('Gather', 's zero', 'n'),
      node('Unsqueeze', 'n first', 'n1'),
      node('Concat', 'n1 rest', 't', { axis: 0 }),
      node('Reshape', 'x t', 'y'),
    ];
    const constants = { zero: int64([0], []), first: int64([0]), rest: int64([-1]) };
    const graph = await checked(one(nodes, { constants }));
    expect(graph.nodes).toHaveLength(1);
    expect(attrsOf(graph, 'y')).toEqual({ shape: [0, -1], allowZero: false });
    expect(graph.types.get('y')?.shape).toEqual(['N', 126]);
  });

  it('infers the one symbol that moved, through Slice, Mul, Div, Cast and Identity', async () => {
    const nodes = [
      node('Shape', 'x', 's'),
      node('Slice', 's zero one', 'n'),
      node('Mul', 'n two', 'n2'),
      node('Cast', 'n2', 'c', { to: DataType.INT32 }),
      node('Cast', 'c', 'd', { to: DataType.INT64 }),
      node('Identity', 'd', 'e'),
      node('Concat', 'e rest', 't', { axis: 0 }),
      node('Reshape', 'x t', 'y'),
    ];
    const constants = { zero: int64([0]), one: int64([1]), two: int64([2]), rest: int64([63]) };
    const graph = await checked(one(nodes, { constants }));
    expect(attrsOf(graph, 'y')).toEqual({ shape: [-1, 63], allowZero: false });
  });

  it('computes a target of several moved symbols when the model runs', async () => {
    const nodes = [
      node('Transpose', 'x', 'a', { perm: [2, 3, 0, 1] }),
      node('Shape', 'x', 's'),
      node('Gather', 's order', 't'),
      node('Reshape', 'a t', 'y'),
    ];
    const inputs = { x: ['N', 3, 'H', 2] };
    const graph = await checked(
      one(nodes, { inputs, constants: { order: int64([0, 2, 3, 1]) } }),
      4,
    );
    expect(attrsOf(graph, 'y')).toEqual({ shape: ['N', 'H', 2, 3], allowZero: false });
  });

  it("resolves PyTorch's computed pads", async () => {
    const nodes = [
      node('Constant', '', 'p', { value: int64([0, 0, 0, 0, 2, 3]) }),
      node('Shape', 'p', 'ps'),
      node('Gather', 'ps zero', 'len'),
      node('Sub', 'eight len', 'missing'),
      node('Unsqueeze', 'missing axis0', 'm1'),
      node('Cast', 'm1', 'm2', { to: DataType.INT64 }),
      node('ConstantOfShape', 'm2', 'zeros', { value: int64([0]) }),
      node('Concat', 'p zeros', 'all', { axis: 0 }),
      node('Reshape', 'all pairs', 'r'),
      node('Slice', 'r last lowest axis0 back', 'reversed'),
      node('Transpose', 'reversed', 'tr', { perm: [1, 0] }),
      node('Reshape', 'tr flat', 'f'),
      node('Cast', 'f', 'pads', { to: DataType.INT64 }),
      node('Pad', 'x pads value', 'y'),
    ];
    const constants = {
      zero: int64([0], []),
      eight: int64([8], []),
      axis0: int64([0]),
      pairs: int64([-1, 2]),
      last: int64([-1]),
      lowest: tensor('int64', [1], BigInt64Array.of(-(2n ** 63n) + 1n)),
      back: int64([-1]),
      flat: int64([-1]),
      value: float32([], [0]),
    };
    const graph = await checked(one(nodes, { constants }));
    expect(kinds(graph)).toEqual(['pad']);
    expect(attrsOf(graph, 'y')).toMatchObject({ pads: [0, 2, 0, 0, 0, 3, 0, 0], value: 0 });
  });

  it('expands by the target, and folds Expand of constants', async () => {
    const nodes = [
      node('Expand', 'x target', 'a'),
      node('Expand', 'c wide', 'b'),
      node('Mul', 'a b', 'y'),
    ];
    const constants = { target: int64([1, 3, 6, 7]), c: weights(7), wide: int64([6, 7]) };
    const graph = await checked(one(nodes, { inputs: { x: ['N', 3, 1, 7] }, constants }));
    expect(kinds(graph)).toEqual(['expand', 'mul']);
  });

  it('does not let a small file ask for unlimited memory', () => {
    const nodes = [node('ConstantOfShape', 'size', 'big'), node('Add', 'x big', 'y')];
    const spec = one(nodes, { constants: { size: int64([1e6, 1e6]) } });
    expect(kinds(importOnnx(model(spec)).graph)).toEqual(['constant-of-shape', 'add']);
  });
});

describe('constants', () => {
  it('takes initializers that are listed as inputs for constants', () => {
    const w = weights(4, 3, 1, 1);
    const bytes = model(
      one(node('Conv', 'x w', 'y'), {
        irVersion: 3,
        opset: 8,
        graph: { initializer: [initializer('w', w)], input: [info('w', w.shape)] },
      }),
    );
    const { graph } = importOnnx(bytes);
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(graph.constants.get('w')).toEqual(w);
  });

  it('reads typed data and widens 16-bit floats', () => {
    const tensors = [
      createTensor({ name: 'a', dims: [2n], dataType: DataType.FLOAT, floatData: [1, 2] }),
      createTensor({
        name: 'b',
        dims: [2n],
        dataType: DataType.FLOAT16,
        int32Data: [0x3c00, 0xc100],
      }),
      createTensor({
        name: 'c',
        dims: [2n],
        dataType: DataType.BFLOAT16,
        rawData: Uint8Array.of(0x80, 0x3f, 0, 0x40),
      }),
    ];
    const nodes = [node('Add', 'x a', 'p'), node('Add', 'p b', 'q'), node('Add', 'q c', 'y')];
    const { graph, warnings } = importOnnx(
      model(one(nodes, { inputs: { x: [2] }, graph: { initializer: tensors } })),
    );
    const [y] = Object.values(interpret(graph, { x: float32([2], [0, 0]) }));
    expect([...(y as Tensor).data]).toEqual([1 + 1 + 1, 2 - 2.5 + 2]);
    expect(warnings.map(({ message, count }) => [message, count])).toEqual([
      ['16-bit floats are widened to float32', 2],
    ]);
  });

  it('takes inputs that stay the same for constants', () => {
    const spec = one(node('Reshape', 'x target', 'y'), {
      graph: { input: [info('target', [2], DataType.INT64)] },
    });
    expect(kinds(importOnnx(model(spec)).graph)).toEqual(['opaque']);
    const { graph } = importOnnx(model(spec), { fixed: { target: int64([0, -1]) } });
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(attrsOf(graph, 'y')).toEqual({ shape: [0, -1], allowZero: false });
  });

  it.each([NaN, Infinity])('refuses a weight of %d, naming it', (value) => {
    const constants = { bad: float32([2], [1, value]) };
    const spec = one(node('Add', 'x bad', 'y'), { inputs: { x: [2] }, constants });
    expect(() => importOnnx(model(spec))).toThrow(/weight 'bad': holds NaN or Infinity/);
  });
});

describe('opaque nodes', () => {
  const spec = one(
    [
      node('Relu', 'x', 'a'),
      node('Mystery', 'a w', 'b -', { level: 3, mode: 'cubic' }, { domain: 'com.example' }),
      node('Bernoulli', 'b', 'y', {}, { name: 'random' }),
    ],
    {
      domains: { 'com.example': 2 },
      constants: { w: weights(3) },
      graph: { valueInfo: [info('b', ['N', 3, 6, 7])] },
    },
  );

  it('keeps what it does not know, and writes it back', () => {
    const { graph, warnings } = importOnnx(model(spec));
    expect(graph.nodes.map(({ name, op }) => [name, op])).toEqual([
      ['a', 'relu'],
      ['b', 'opaque'],
      ['random', 'opaque'],
    ]);
    expect(graph.types.get('b')?.shape).toEqual(['N', 3, 6, 7]);
    expect(warnings.map(({ message }) => message)).toEqual([
      'Mystery is kept as opaque: unknown operator',
      'Bernoulli is kept as opaque: unknown operator',
    ]);
    const again = importOnnx(exportOnnx(graph)).graph;
    expect(again).toEqual(graph);
    expect(graph.metadata).toEqual({ 'onnx.domain.com.example': '2' });
  });

  it('is written for the operator set it came from', () => {
    const { graph } = importOnnx(model({ ...spec, opset: 11 }));
    expect(importOnnx(exportOnnx(graph)).graph).toEqual(graph);
    expect(() => exportOnnx(graph, { opset: 13 })).toThrow(/export with opset 11/);
  });

  it('keeps a node with an attribute that nobody understands', () => {
    const { graph, warnings } = importOnnx(model(one(node('Relu', 'x', 'y', { leak: 3 }))));
    expect(kinds(graph)).toEqual(['opaque']);
    expect(warnings[0]?.message).toBe('Relu is kept as opaque: attribute leak');
  });

  it('keeps values of unknown type apart from symbolic sizes', () => {
    const nodes = [node('Bernoulli', 'x', 'e'), node('Add', 'x e', 'y')];
    const graph = { valueInfo: [info('e', ['unk__1', 3, 'unk__2', 7])] };
    expect(kinds(importOnnx(model(one(nodes, { graph }))).graph)).toEqual(['opaque', 'add']);
  });
});

describe('names', () => {
  it('names nodes by their own name if it is unique, else by their output', () => {
    const nodes = [
      node('Relu', 'x', 'a', {}, { name: 'first' }),
      node('Relu', 'a', 'b', {}, { name: 'same' }),
      node('Relu', 'b', 'c', {}, { name: 'same' }),
      node('Relu', 'c', 'y'),
    ];
    const { graph } = importOnnx(model(one(nodes)));
    expect(graph.nodes.map((each: Node) => each.name)).toEqual(['first', 'b', 'c', 'y']);
  });

  it('names open dimensions, and the batch N', () => {
    const { graph } = importOnnx(
      model(one(node('Relu', 'x', 'y'), { inputs: { x: [undefined, 3, undefined, 'W'] } })),
    );
    expect(graph.inputs[0]?.type.shape).toEqual(['N', 3, 'x.2', 'W']);
  });

  it('ignores masks that nothing reads', async () => {
    const nodes = [node('Dropout', 'x', 'a mask'), node('Relu', 'a', 'y')];
    expect(kinds(await checked(one(nodes)))).toEqual(['dropout', 'relu']);
    const read = [...nodes, node('Cast', 'mask', 'm', { to: DataType.FLOAT })];
    const { graph } = importOnnx(model(one(read, { outputs: ['y', 'm'] })));
    expect(kinds(graph)).toEqual(['opaque', 'relu', 'cast']);
  });

  it('drops nodes that nothing reads', () => {
    const nodes = [node('Relu', 'x', 'y'), node('Sigmoid', 'x', 'unused')];
    expect(kinds(importOnnx(model(one(nodes))).graph)).toEqual(['relu']);
  });
});

describe('lowered ops', () => {
  it('splits by slices, sums by additions, negates by a product', async () => {
    const nodes = [
      node('Split', 'x sizes', 'a b', { axis: 1 }, { name: 'split' }),
      node('Neg', 'a', 'c'),
      node('Slice', 'b zero one axis', 'd'),
      node('Sum', 'a c d', 'y'),
    ];
    const constants = { sizes: int64([1, 2]), zero: int64([0]), one: int64([1]), axis: int64([1]) };
    const graph = await checked(one(nodes, { constants }));
    expect(kinds(graph)).toEqual(['slice', 'slice', 'mul', 'slice', 'add', 'add']);
  });
});

describe('malformed models', () => {
  const cases: [string, ModelSpec, RegExp][] = [
    ['an undefined input', one(node('Relu', 'z', 'y')), /input 'z' is not defined/],
    ['an undefined output', one(node('Relu', 'x', 'z')), /no node defines this output/],
    ['a value defined twice', one([node('Relu', 'x', 'y'), node('Relu', 'x', 'y')]), /twice/],
    ['too many inputs', one(node('Relu', 'x x', 'y')), /at most 1 inputs/],
    ['a missing input', one(node('Add', 'x', 'y')), /missing/],
    ['an attribute of another type', one(node('Concat', 'x', 'y', { axis: 'one' })), /STRING/],
    [
      'dimensions without data',
      one(node('Add', 'x w', 'y'), {
        graph: { initializer: [createTensor({ name: 'w', dims: [1n << 40n], dataType: 1 })] },
      }),
      /1099511627776 elements expected for \[1099511627776\], got 0/,
    ],
    [
      'a negative dimension',
      one(node('Add', 'x w', 'y'), {
        graph: { initializer: [createTensor({ name: 'w', dims: [-1n], dataType: 1 })] },
      }),
      /not a possible shape/,
    ],
    ['a negative input', one(node('Relu', 'x', 'y'), { inputs: { x: [-1, 3] } }), /negative/],
  ];
  it.each(cases)('refuses %s', (_name, spec, message) => {
    expect(() => importOnnx(model(spec), { file: 'bad.onnx' })).toThrow(message);
    expect(() => importOnnx(model(spec), { file: 'bad.onnx' })).toThrow(/^bad\.onnx: /);
    expect(() => importOnnx(model(spec))).toThrow(ModelError);
  });
});
