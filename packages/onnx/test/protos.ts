/** ONNX models made by hand, and onnxruntime as the second opinion. */
import { interpret, type Graph } from '@decouple/ir';
import {
  createRandom,
  difference,
  normals,
  sizeOf,
  tensor,
  type DType,
  type Tensor,
} from '@decouple/tensor';
import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import {
  AttributeType,
  createAttribute,
  createNode,
  createTensor,
  createValueInfo,
  DataType,
  encodeModel,
  type AttributeProto,
  type GraphInit,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../src/proto.ts';
import { exportOnnx, importOnnx } from '../src/index.ts';
import { dataTypeOf, rawBytes } from '../src/tensors.ts';

type AttributeValue =
  number | { float: number } | { floats: number[] } | string | number[] | Tensor;

function attribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number')
    return createAttribute({ name, type: AttributeType.INT, i: BigInt(value) });
  if (typeof value === 'string')
    return createAttribute({
      name,
      type: AttributeType.STRING,
      s: new TextEncoder().encode(value),
    });
  if (Array.isArray(value))
    return createAttribute({ name, type: AttributeType.INTS, ints: value.map(BigInt) });
  if ('floats' in value)
    return createAttribute({ name, type: AttributeType.FLOATS, floats: value.floats });
  if ('float' in value) return createAttribute({ name, type: AttributeType.FLOAT, f: value.float });
  return createAttribute({ name, type: AttributeType.TENSOR, t: initializer('', value) });
}

/** `node('Conv', 'x w', 'y', { pads: [1, 1, 1, 1] })`; `-` stands for an absent input. */
export function node(
  opType: string,
  inputs: string,
  outputs: string,
  attrs: Record<string, AttributeValue> = {},
  more: { name?: string; domain?: string } = {},
): NodeProto {
  const names = (text: string): string[] =>
    text === '' ? [] : text.split(' ').map((name) => (name === '-' ? '' : name));
  return createNode({
    opType,
    input: names(inputs),
    output: names(outputs),
    attribute: Object.entries(attrs).map(([name, value]) => attribute(name, value)),
    ...more,
  });
}

export const initializer = (name: string, value: Tensor): TensorProto =>
  createTensor({
    name,
    dims: value.shape.map(BigInt),
    dataType: dataTypeOf[value.dtype],
    rawData: rawBytes(value),
  });

export const info = (
  name: string,
  shape: readonly (number | string | undefined)[],
  elemType: number = DataType.FLOAT,
): ValueInfoProto =>
  createValueInfo({
    name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType,
          shape: {
            dim: shape.map((dim) =>
              dim === undefined
                ? {}
                : {
                    value:
                      typeof dim === 'number'
                        ? { case: 'dimValue' as const, value: BigInt(dim) }
                        : { case: 'dimParam' as const, value: dim },
                  },
            ),
          },
        },
      },
    },
  });

export interface ModelSpec {
  readonly opset?: number;
  readonly irVersion?: number;
  readonly inputs: Record<string, readonly (number | string | undefined)[]>;
  readonly outputs: readonly string[];
  readonly constants?: Record<string, Tensor>;
  readonly nodes: readonly NodeProto[];
  readonly domains?: Record<string, number>;
  readonly graph?: Pick<GraphInit, 'valueInfo' | 'initializer' | 'input' | 'sparseInitializer'>;
}

export function model(spec: ModelSpec): Uint8Array {
  const { opset = 13, irVersion = 7, domains = {}, constants = {}, graph = {} } = spec;
  const initializers = Object.entries(constants).map(([name, value]) => initializer(name, value));
  return encodeModel({
    irVersion: BigInt(irVersion),
    opsetImport: Object.entries({ '': opset, ...domains }).map(([domain, version]) => ({
      domain,
      version: BigInt(version),
    })),
    graph: {
      name: 'test',
      node: [...spec.nodes],
      initializer: [...initializers, ...(graph.initializer ?? [])],
      input: [
        ...Object.entries(spec.inputs).map(([name, shape]) => info(name, shape)),
        ...(graph.input ?? []),
      ],
      output: spec.outputs.map((name) =>
        createValueInfo({
          name,
          type: { value: { case: 'tensorType', value: { elemType: DataType.FLOAT } } },
        }),
      ),
      valueInfo: graph.valueInfo ?? [],
      sparseInitializer: graph.sparseInitializer ?? [],
    },
  });
}

/** Random float32 tensors for the inputs of a graph, symbols being `size`. */
export function randomInputs(graph: Graph, size = 2, seed = 7): Record<string, Tensor> {
  const random = createRandom(seed);
  return Object.fromEntries(
    graph.inputs.map(({ name, type }) => {
      const shape = type.shape.map((dim) => (typeof dim === 'number' ? dim : size));
      return [name, tensor('float32', shape, normals(random, sizeOf(shape)))];
    }),
  );
}

/** Imports without warnings, compares with onnxruntime, and so again after exporting. */
export async function agreesWithOrt(
  spec: ModelSpec,
  { size = 2, opset }: { size?: number; opset?: number } = {},
): Promise<Graph> {
  const bytes = model(spec);
  const { graph, warnings } = importOnnx(bytes);
  expect(warnings).toEqual([]);
  const inputs = randomInputs(graph, size);
  const expected = await runOrt(bytes, inputs);
  expectClose(interpret(graph, inputs), expected);
  const again = exportOnnx(graph, opset === undefined ? {} : { opset });
  const second = importOnnx(again);
  expect(second.warnings).toEqual([]);
  expectClose(interpret(second.graph, inputs), expected);
  expectClose(await runOrt(again, inputs), expected);
  return graph;
}

const quiet = { logSeverityLevel: 3, intraOpNumThreads: 1 } as const;

/** Runs a model file in onnxruntime. */
export async function runOrt(
  bytes: Uint8Array,
  inputs: Record<string, Tensor>,
): Promise<Record<string, Tensor>> {
  const loaded = await ort.InferenceSession.create(bytes, quiet);
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape, data }]) => [
      name,
      new ort.Tensor(dtype as 'float32', data as Float32Array, shape),
    ]),
  );
  const results = await loaded.run(feeds);
  const outputs = Object.entries(results).map(([name, { type, dims, data }]) => [
    name,
    tensor(type as DType, dims, data as Float32Array),
  ]);
  await loaded.release();
  return Object.fromEntries(outputs) as Record<string, Tensor>;
}

/** Expects equal outputs up to `tolerance`, relative to the largest value. */
export function expectClose(
  actual: Record<string, Tensor>,
  expected: Record<string, Tensor>,
  tolerance = 1e-5,
): void {
  for (const [name, value] of Object.entries(expected)) {
    const own = actual[name] as Tensor;
    expect(own.dtype, name).toBe(value.dtype);
    expect(difference(own, value).maxRel, name).toBeLessThanOrEqual(tolerance);
  }
}
