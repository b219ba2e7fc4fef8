import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { graphBuilder, interpret, type Graph } from '@decouple/ir';
import {
  createRandom,
  difference,
  float32,
  normals,
  sizeOf,
  UnsupportedError,
  type Tensor,
} from '@decouple/tensor';
import { afterAll, describe, expect, test } from 'vitest';
import { restore, store } from '../src/ahead/storage.ts';
import { compileAhead, type AheadOptions } from '../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'decouple-ahead-'));
afterAll(() => rmSync(folder, { recursive: true }));

const random = createRandom(4);
const values = (...shape: number[]): Tensor<'float32'> =>
  float32(shape, normals(random, sizeOf(shape), shape.length > 1 ? 0.3 : 1));

/** Every kind of packed weights: dense, Winograd's, grouped, depthwise, linear, constants of sums. */
function net(): Graph {
  const b = graphBuilder('every');
  const pads: [number, number, number, number] = [1, 1, 1, 1];
  const conv = (from: string, name: string, weight: Tensor, attrs: object = {}): string =>
    b.node(
      'conv2d',
      [
        from,
        b.constant(`${name}.w`, weight),
        b.constant(`${name}.b`, values(weight.shape[0] ?? 0)),
      ],
      { pads, ...attrs },
      name,
    );
  const x = b.input('pixels', ['N', 3, 16, 16]);
  const first = conv(x, 'first', values(20, 3, 3, 3));
  const winograd = conv(first, 'winograd', values(20, 20, 3, 3), { activation: { kind: 'relu' } });
  const depthwise = conv(winograd, 'depthwise', values(40, 1, 3, 3), { groups: 20 });
  const grouped = conv(depthwise, 'grouped', values(24, 10, 3, 3), { groups: 4, stride: [2, 2] });
  const shifted = b.node('add', [grouped, b.constant('shift', values(1, 24, 1, 1))]);
  const pooled = b.node('max-pool', [shifted], { kernel: [2, 2], stride: [2, 2] });
  const flat = b.node('flatten', [pooled], { axis: 1 });
  return b.build([b.node('linear', [flat, b.constant('fc', values(7, 24 * 16))], {}, 'scores')]);
}

/** Runs files in a process of its own, in a folder that has nothing else. */
function runAlone(graph: Graph, input: Tensor<'float32'>, options: AheadOptions, before = '') {
  const { wasm, js } = compileAhead(graph, options);
  const home = mkdtempSync(join(folder, 'alone-'));
  writeFileSync(join(home, 'NETWORK.wasm'), Buffer.concat(wasm));
  writeFileSync(join(home, 'model.mjs'), js);
  writeFileSync(join(home, 'input.bin'), new Uint8Array(input.data.buffer));
  writeFileSync(
    join(home, 'run.mjs'),
    `import { readFileSync } from 'node:fs';
     ${before}
     import { load } from './model.mjs';
     const bytes = readFileSync('input.bin');
     const model = await load();
     const [name] = Object.keys(model.inputs);
     const given = { [name]: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) };
     model.run(given);
     const outputs = model.run(given);
     let refused = '';
     try { model.run({}); } catch (error) { refused = error.message; }
     console.log(JSON.stringify({ inputs: model.inputs, fma: model.fma, refused, outputs: Object.fromEntries(
       Object.entries(outputs).map(([key, value]) => [key, [...value]])) }));`,
  );
  const { stdout, stderr } = spawnSync(process.execPath, ['run.mjs'], {
    cwd: home,
    encoding: 'utf8',
    env: {},
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as {
    inputs: Record<string, number[]>;
    fma: boolean;
    refused: string;
    outputs: Record<string, number[]>;
  };
}

const gap = (graph: Graph, input: Tensor<'float32'>, outputs: Record<string, number[]>): number => {
  const name = graph.outputs[0] as string;
  const expected = interpret(graph, { [graph.inputs[0]?.name as string]: input })[name] as Tensor;
  const actual = float32(expected.shape, Float32Array.from(outputs[name] as number[]));
  return difference(actual, expected).maxRel;
};

describe('a network compiled ahead of time', () => {
  const [major] = process.versions.node.split('.').map(Number) as [number];
  test.each([
    ['in Node', ''],
    // Node 20 is an engine without fused multiply-add where it is not told to have it.
    ['in an engine that can’t be prepared', 'globalThis.process = undefined;'],
  ])('runs without this project and equals the interpreter, %s', (_, before) => {
    const graph = net();
    const input = values(1, 3, 16, 16);
    const { inputs, outputs, refused, fma } = runAlone(graph, input, {}, before);
    expect(inputs).toEqual({ pixels: [1, 3, 16, 16] });
    expect(fma).toBe(major >= 22 || before === '');
    expect(gap(graph, input, outputs)).toBeLessThan(1e-5);
    expect(refused).toBe("input 'pixels' wants 768 numbers, got none");
  });
  test('takes a batch that is bound', () => {
    const graph = net();
    const input = values(3, 3, 16, 16);
    const { outputs } = runAlone(graph, input, { bind: { N: 3 } });
    expect(outputs['scores']).toHaveLength(21);
    expect(gap(graph, input, outputs)).toBeLessThan(1e-5);
  });
  test.each([
    ['f16', 2, 1e-3],
    ['i8', 3.5, 2e-2],
  ] as const)('with weights as %s is %f times smaller and near', (weights, factor, tolerance) => {
    const graph = net();
    const input = values(1, 3, 16, 16);
    const size = (options: AheadOptions): number =>
      compileAhead(graph, options).wasm.reduce((sum, { length }) => sum + length, 0);
    const code = compileAhead(graph).codeBytes;
    expect((size({}) - code) / (size({ weights }) - code)).toBeGreaterThan(0.8 * factor);
    const { outputs } = runAlone(graph, input, { weights });
    expect(gap(graph, input, outputs)).toBeLessThan(tolerance);
  });
  test('is a module that engines accept, and its weights are stored once', () => {
    const graph = net();
    const { wasm, codeBytes } = compileAhead(graph);
    const file = Buffer.concat(wasm);
    expect(WebAssembly.validate(file)).toBe(true);
    const weights = [...graph.constants.values()].reduce(
      (sum, { data }) => sum + data.byteLength,
      0,
    );
    expect(file.length).toBeLessThan(codeBytes + weights + 8192);
  });
  test('is refused where it would need the interpreter', () => {
    const b = graphBuilder('rare');
    const y = b.node('matmul', [b.input('x', [2, 3]), b.constant('w', values(3, 4))]);
    expect(() => compileAhead(b.build([y]))).toThrow(UnsupportedError);
    expect(() => compileAhead(b.build([y]))).toThrow(/matmul 'matmul1'/);
  });
});

describe('storage', () => {
  test('8 bits keep each channel within half a step', () => {
    const data = Float32Array.from({ length: 40 }, (_, at) => (at < 20 ? 1e-3 : 10) * Math.sin(at));
    const { bytes, ...rest } = store(data, 'i8', 2);
    expect(bytes.length).toBe(8 + 40);
    const back = restore(bytes, { ...rest, at: 0, length: 40 });
    data.forEach((value, at) => {
      const largest = at < 20 ? 1e-3 : 10;
      expect(Math.abs((back[at] as number) - value)).toBeLessThanOrEqual(largest / 254 + 1e-9);
    });
  });
});
