/** Control flow is not understood, and survives: with what it reads from around it. */
import { createGraph, interpret, type Graph } from '@decouple/ir';
import { float32, tensor, UnsupportedError } from '@decouple/tensor';
import { describe, expect, it } from 'vitest';
import { exportOnnx, importOnnx } from '../src/index.ts';
import {
  AttributeType,
  createAttribute,
  createGraphProto,
  createTensor,
  DataType,
  type AttributeProto,
} from '../src/proto.ts';
import { info, initializer, model, node, runOrt } from './protos.ts';

/** A branch that adds `name` of the graph around it and a weight of its own. */
function branch(attribute: string, name: string): AttributeProto {
  const own = `${attribute}_w`;
  const g = createGraphProto({
    name: attribute,
    node: [
      node('Add', `${name} ${own}`, `${attribute}_sum`),
      node('Identity', `${attribute}_sum`, `${attribute}_out`),
    ],
    initializer: [initializer(own, float32([1], [10]))],
    output: [info(`${attribute}_out`, [2])],
  });
  return createAttribute({ name: attribute, type: AttributeType.GRAPH, g });
}

const choice = node('If', 'cond', 'c', {}, { name: 'choice' });
choice.attribute.push(branch('then_branch', 'a'), branch('else_branch', 'w'));
const bytes = model({
  inputs: { x: [2] },
  outputs: ['y'],
  constants: { w: float32([2], [3, 4]) },
  nodes: [node('Relu', 'x', 'a'), choice, node('Relu', 'c', 'y')],
  graph: { input: [info('cond', [], DataType.BOOL)], valueInfo: [info('c', [2])] },
});
const { graph, warnings } = importOnnx(bytes);
const inputs = (cond: number) => ({
  x: float32([2], [1, -2]),
  cond: tensor('bool', [], Uint8Array.of(cond)),
});

describe('control flow', () => {
  it('stays opaque, reads what its branches read, and can not be run', () => {
    expect(warnings).toMatchObject([
      {
        message: expect.stringMatching(/control flow is not supported/) as string,
        nodes: ['choice'],
      },
    ]);
    expect(graph.nodes.map(({ op, inputs: read }) => [op, read])).toEqual([
      ['relu', ['x']],
      ['opaque', ['cond', 'a', 'w']],
      ['relu', ['c']],
    ]);
    expect(() => interpret(graph, inputs(1))).toThrow(UnsupportedError);
  });

  it.each([
    [1, [11, 10]],
    [0, [13, 14]],
  ])('comes back from an export (condition %i)', async (cond, expected) => {
    const again = exportOnnx(graph);
    expect(importOnnx(again).graph).toEqual(graph);
    expect([...(await runOrt(again, inputs(cond))).y!.data]).toEqual(expected);
  });

  it('follows renamed values into its branches', async () => {
    const rename = (name: string): string => (name === 'a' ? 'a/new' : name === 'w' ? 'w2' : name);
    const renamed: Graph = createGraph({
      ...graph,
      constants: new Map([...graph.constants].map(([name, value]) => [rename(name), value])),
      nodes: graph.nodes.map((each) => ({
        ...each,
        inputs: each.inputs.map(rename),
        outputs: each.outputs.map(rename),
      })),
    });
    const again = exportOnnx(renamed);
    expect([...(await runOrt(again, inputs(1))).y!.data]).toEqual([11, 10]);
    expect([...(await runOrt(again, inputs(0))).y!.data]).toEqual([13, 14]);
  });

  it('refuses branches that read nothing that is there', () => {
    const loose = node('If', 'cond', 'y', {}, { name: 'loose' });
    loose.attribute.push(branch('then_branch', 'nowhere'), branch('else_branch', 'x'));
    const spec = { inputs: { x: [2] }, outputs: ['y'], nodes: [loose] };
    const input = [info('cond', [], DataType.BOOL)];
    expect(() => importOnnx(model({ ...spec, graph: { input } }))).toThrow(
      /If 'loose': input 'nowhere' is not defined/,
    );
  });
});

describe('element types', () => {
  const of = (dataType: number, rawData: Uint8Array<ArrayBuffer>, dims = [2n]): Uint8Array =>
    model({
      inputs: { x: [2] },
      outputs: ['y', 'z'],
      nodes: [node('Relu', 'x', 'y'), node('Identity', 'w', 'z')],
      graph: { initializer: [createTensor({ name: 'w', dims, dataType, rawData })] },
    });

  it('widens 16-bit floats and keeps doubles', () => {
    const halves = new Uint8Array(Uint16Array.of(0x3555, 0x8001).buffer);
    expect(importOnnx(of(DataType.FLOAT16, halves)).graph.constants.get('z')).toEqual(
      float32([2], [0.333251953125, -(2 ** -24)]),
    );
    const brains = new Uint8Array(Uint16Array.of(0x3fc0, 0xff7f).buffer);
    expect(importOnnx(of(DataType.BFLOAT16, brains)).graph.constants.get('z')).toEqual(
      float32([2], [1.5, -3.3895313892515355e38]),
    );
    const doubles = Float64Array.of(0.1, 1e300);
    const kept = importOnnx(of(DataType.DOUBLE, new Uint8Array(doubles.buffer))).graph;
    expect(kept.constants.get('z')).toEqual(tensor('float64', [2], doubles));
  });

  it.each(['FLOAT8E4M3FN', 'INT4', 'STRING', 'COMPLEX64'] as const)('names %s', (name) => {
    const bytesOf = of(DataType[name], new Uint8Array(2));
    expect(() => importOnnx(bytesOf, { file: 'net.onnx' })).toThrow(
      `net.onnx: initializer 'w': element type ${name} has no counterpart here`,
    );
    expect(() => importOnnx(bytesOf)).toThrow(UnsupportedError);
  });

  it('names sparse initializers', () => {
    const sparse = { values: createTensor({ name: 's' }), dims: [4n] };
    const spec = { inputs: { x: [2] }, outputs: ['y'], nodes: [node('Relu', 'x', 'y')] };
    expect(() => importOnnx(model({ ...spec, graph: { sparseInitializer: [sparse] } }))).toThrow(
      /initializer 's': sparse initializers are not supported/,
    );
  });
});
