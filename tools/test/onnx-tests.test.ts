/** The runner of ONNX's backend tests, on a folder of tests made here. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportOnnx } from '@decouple/onnx';
import { float32, int64, tensor, type Tensor } from '@decouple/tensor';
import { graphBuilder, type Graph } from 'decouple';
import { backendByName } from 'decouple/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createNode,
  createTensor,
  createValueInfo,
  DataType,
  encodeModel,
  encodeTensor,
  type TensorInit,
} from '../../packages/onnx/src/proto.ts';
import { dataTypeOf, rawBytes } from '../../packages/onnx/src/tensors.ts';
import { findTests } from '../onnx-tests/find.ts';
import { runTest, type TestResult } from '../onnx-tests/run.ts';
import { formatSummary, summarize } from '../onnx-tests/summary.ts';

const root = mkdtempSync(join(tmpdir(), 'decouple-onnx-tests-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const pb = (name: string, value: Tensor, more: TensorInit = {}): Uint8Array =>
  encodeTensor({
    name,
    dims: value.shape.map(BigInt),
    dataType: dataTypeOf[value.dtype],
    rawData: rawBytes(value),
    ...more,
  });

function writeTest(
  name: string,
  model: Uint8Array,
  inputs: readonly Uint8Array[],
  outputs: readonly Uint8Array[],
): void {
  const set = join(root, name, 'test_data_set_0');
  mkdirSync(set, { recursive: true });
  writeFileSync(join(root, name, 'model.onnx'), model);
  inputs.forEach((bytes, at) => writeFileSync(join(set, `input_${at}.pb`), bytes));
  outputs.forEach((bytes, at) => writeFileSync(join(set, `output_${at}.pb`), bytes));
}

function relu(): Graph {
  const b = graphBuilder('net');
  return b.build([b.node('relu', [b.input('x', ['N', 2])], {}, 'y')]);
}

/** A model of one node with the given inputs, of types the graph can't hold too. */
const oneNode = (opType: string, types: Readonly<Record<string, number>>, rank = 1): Uint8Array =>
  encodeModel({
    irVersion: 7n,
    opsetImport: [{ domain: '', version: 13n }],
    graph: {
      name: 'one',
      node: [createNode({ opType, input: Object.keys(types), output: ['y'] })],
      input: Object.entries(types).map(([name, elemType]) => {
        const dim = Array.from({ length: rank }, () => ({}));
        const value = { case: 'tensorType', value: { elemType, shape: { dim } } } as const;
        return createValueInfo({ name, type: { value } });
      }),
      output: [createValueInfo({ name: 'y' })],
    },
  });

const x = float32([2, 2], [1, -1, 2, -2]);
const y = float32([2, 2], [1, 0, 2, 0]);
const results = new Map<string, TestResult>();

beforeAll(async () => {
  const model = exportOnnx(relu());
  writeTest('node/good', model, [pb('x', x)], [pb('y', y)]);
  writeTest('node/close', model, [pb('x', x)], [pb('y', float32([2, 2], [1.0009, 1e-5, 2, 0]))]);
  writeTest('node/unnamed', model, [pb('', x)], [pb('', y)]);
  writeTest('node/wrong-value', model, [pb('x', x)], [pb('y', float32([2, 2], [1, 0, 2.003, 0]))]);
  writeTest('node/wrong-shape', model, [pb('x', x)], [pb('y', float32([4], [1, 0, 2, 0]))]);
  const doubles = tensor('float64', [2, 2], Float64Array.of(1, 0, 2, 0));
  writeTest('node/wrong-dtype', model, [pb('x', x)], [pb('y', doubles)]);
  writeTest('node/no-number', model, [pb('x', x)], [pb('y', float32([2, 2], [1, NaN, 2, 0]))]);
  writeTest('node/truncated', model.subarray(0, model.length - 3), [pb('x', x)], [pb('y', y)]);
  writeTest('node/no-data', model, [], []);
  const half = createTensor({ dims: [1n], dataType: DataType.FLOAT16, rawData: new Uint8Array(2) });
  writeTest('node/half', model, [pb('x', x)], [encodeTensor(half)]);
  const text = createTensor({
    dims: [1n],
    dataType: DataType.STRING,
    stringData: [Uint8Array.of(65)],
  });
  writeTest(
    'node/text',
    oneNode('Identity', { x: DataType.STRING }),
    [encodeTensor(text)],
    [encodeTensor(text)],
  );
  writeTest(
    'node/unknown',
    oneNode('Mystery', { x: DataType.FLOAT }),
    [pb('x', float32([1], [1]))],
    [pb('y', y)],
  );
  const target = oneNode('Reshape', { x: DataType.FLOAT, shape: DataType.INT64 });
  writeTest(
    'node/target',
    target,
    [pb('x', float32([4], [1, 0, 2, 0])), pb('shape', int64([2, 2]))],
    [pb('y', y)],
  );
  const b = graphBuilder('light');
  const light = b.build([b.node('relu', [b.input('x', [1, 4])], {}, 'y')]);
  mkdirSync(join(root, 'light'));
  writeFileSync(join(root, 'light/light_net.onnx'), exportOnnx(light));
  writeFileSync(
    join(root, 'light/light_net_output_0.pb'),
    pb('y', float32([1, 4], [0, 0.25, 0.5, 0.75])),
  );
  for (const test of findTests(root))
    results.set(test.name, await runTest(test, backendByName('reference')));
});

describe('onnx-tests', () => {
  it('finds every test by its folder', () => {
    expect(findTests(root).map(({ name }) => name)).toContain('light/light_net');
    expect(findTests(join(root, 'node/good')).map(({ name }) => name)).toEqual(['good']);
    expect(() => findTests(join(root, 'light'))).not.toThrow();
    expect(() => findTests(join(root, 'nowhere'))).toThrow(/not a folder/);
    expect(() => findTests(join(root, 'node/good/test_data_set_0'))).toThrow(/no tests/);
  });

  it.each(['node/good', 'node/close', 'node/unnamed', 'node/target', 'light/light_net'])(
    'passes %s',
    (name) => expect(results.get(name)).toMatchObject({ outcome: 'passed' }),
  );

  it.each([
    ['node/wrong-value', /at 2 is 2, expected 2\.003/],
    ['node/wrong-shape', /\[2,2\], expected \[4\]/],
    ['node/wrong-dtype', /float32, expected float64/],
    ['node/no-number', /expected NaN/],
    ['node/truncated', /model\.onnx: /],
    ['node/no-data', /no expected outputs/],
  ])('fails %s', (name, reason) => {
    expect(results.get(name)).toMatchObject({ outcome: 'failed' });
    expect(results.get(name)?.reason).toMatch(reason);
  });

  it.each([
    ['node/half', /FLOAT16/],
    ['node/text', /STRING/],
    ['node/unknown', /Mystery is kept as opaque: unknown operator/],
  ])('does not support %s', (name, reason) => {
    expect(results.get(name)).toMatchObject({ outcome: 'unsupported' });
    expect(results.get(name)?.reason).toMatch(reason);
  });

  it('sums up by operator', () => {
    const summary = summarize([...results.values()]);
    expect(summary).toMatchObject({ passed: 5, failed: 6, unsupported: 3 });
    expect(summary.perOp).toMatchObject({
      Mystery: { passed: 0, failed: 0, unsupported: 1 },
      Reshape: { passed: 1, failed: 0, unsupported: 0 },
    });
    expect(summary.failures.map(({ test }) => test)).toContain('node/wrong-shape');
    expect(formatSummary(summary)).toMatch(/passed 5, failed 6, unsupported 3\n$/);
  });
});
