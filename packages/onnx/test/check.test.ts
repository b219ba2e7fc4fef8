/** Checking lists everything at once, where importing stops at the first. */
import { float32, int64 } from '@decouple/tensor';
import { describe, expect, it } from 'vitest';
import { checkOnnx, importOnnx } from '../src/index.ts';
import { createTensor, DataType } from '../src/proto.ts';
import { info, model, node, type ModelSpec } from './protos.ts';

const base: ModelSpec = { inputs: { x: [1, 3, 6, 6] }, outputs: ['y'], nodes: [] };

describe('check', () => {
  it('finds nothing wrong with a good model', () => {
    const bytes = model({ ...base, nodes: [node('Relu', 'x', 'y')] });
    const { graph, problems } = checkOnnx(bytes);
    expect(problems).toEqual([]);
    expect(graph).toEqual(importOnnx(bytes).graph);
  });

  it('lists problems of every kind, each once', () => {
    const bytes = model({
      ...base,
      constants: {
        w: float32([2, 5, 3, 3], new Float32Array(90)),
        bad: float32([1], [NaN]),
        one: int64([1]),
      },
      nodes: [
        node('Conv', 'x w', 'a'),
        node('Relu', 'a', 'b'),
        node('Add', 'x bad', 'c'),
        node('Mystery', 'c', 'd'),
        node('Sigmoid', 'nowhere', 'e'),
        node('Tanh', 'nowhere', 'f'),
        node('Add', 'words d', 'g'),
        node('Concat', 'b e f g short', 'y', { axis: 0 }),
        node('Concat', 'x', 'h', { axis: 'zero' }),
      ],
      outputs: ['y', 'z', 'h'],
      graph: {
        input: [info('words', [2], DataType.STRING)],
        initializer: [createTensor({ name: 'short', dims: [4n], dataType: 1 })],
      },
    });
    const { graph, problems } = checkOnnx(bytes);
    const found = problems.map((problem) => [problem.op, problem.node, problem.message] as const);
    expect(found).toEqual([
      ['input', 'words', expect.stringMatching(/STRING/)],
      ['initializer', 'short', '4 elements expected for [4], got 0'],
      ['Conv', 'a', expect.stringMatching(/3 input channels/)],
      ['Sigmoid', 'e', "input 'nowhere' is not defined by anything before the node"],
      ['Concat', 'h', expect.stringMatching(/STRING/)],
      ['output', 'z', 'no node defines this output'],
      ['weight', 'bad', 'holds NaN or Infinity'],
      ['Mystery', 'd', 'is kept as opaque: unknown operator'],
    ]);
    expect(graph?.nodes.length).toBeGreaterThan(5);
    expect(() => importOnnx(bytes)).toThrow(/STRING/);
  });

  it('tells what stops all else as one problem', () => {
    const { graph, problems } = checkOnnx(Uint8Array.of(1, 2, 3), { file: 'broken.onnx' });
    expect(graph).toBeUndefined();
    expect(problems).toMatchObject([{ node: 'broken.onnx', op: 'file' }]);
    expect(problems[0]?.message).toMatch(/not an ONNX model/);
  });

  it('lists values defined twice', () => {
    const bytes = model({ ...base, nodes: [node('Relu', 'x', 'y'), node('Tanh', 'x', 'y')] });
    const { graph, problems } = checkOnnx(bytes);
    expect(graph).toBeUndefined();
    expect(problems).toMatchObject([{ message: "value 'y' is defined twice" }]);
  });
});
