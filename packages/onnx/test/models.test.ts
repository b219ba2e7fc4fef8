/** The trained networks of this project: interpreter against onnxruntime, and files that come back unchanged. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { graphBuilder, interpret, type AttrsInput } from '@decouple/ir';
import { createRandom, DataError, float32, normals } from '@decouple/tensor';
import { describe, expect, it } from 'vitest';
import { exportOnnx, importOnnx } from '../src/index.ts';
import { readOnnx, writeOnnx } from '../src/node.ts';
import { expectClose, randomInputs, runOrt } from './protos.ts';

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../../../test-models/${name}`, import.meta.url));
const names = ['vgg16-cifar10.onnx', 'resnet20-cifar10.onnx'];

describe.each(names)('%s', (name) => {
  const bytes = readFileSync(pathOf(name));
  const { graph, warnings } = importOnnx(bytes, { file: name });

  it('imports without opaque nodes and agrees with onnxruntime', async () => {
    expect(warnings).toEqual([]);
    expect(graph.nodes.filter(({ op }) => op === 'opaque')).toEqual([]);
    const inputs = randomInputs(graph, 2);
    expectClose(interpret(graph, inputs), await runOrt(bytes, inputs), 2e-5);
  }, 120_000);

  it('comes back the same from a file, byte by byte', async () => {
    const exported = exportOnnx(graph);
    const again = importOnnx(exported).graph;
    // Not toEqual, which takes a minute for millions of weights.
    expect(isDeepStrictEqual(again, graph)).toBe(true);
    expect(Buffer.compare(exportOnnx(again), exported)).toBe(0);
    const inputs = randomInputs(graph, 1);
    expectClose(await runOrt(exported, inputs), await runOrt(bytes, inputs));
  });
});

describe('files', () => {
  it('are written whole and read back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'decouple-onnx-'));
    const path = join(folder, 'net.onnx');
    const { graph } = await readOnnx(pathOf('resnet20-cifar10.onnx'));
    await writeOnnx(path, graph);
    expect(isDeepStrictEqual((await readOnnx(path)).graph, graph)).toBe(true);
    expect(readdirSync(folder)).toEqual(['net.onnx']);
  });

  it('that are missing or can not be written give an error with the path', async () => {
    await expect(readOnnx('/nowhere/net.onnx')).rejects.toThrow(/\/nowhere\/net\.onnx/);
    const b = graphBuilder('net');
    const graph = b.build([b.node('relu', [b.input('x', [1])])]);
    await expect(writeOnnx('/nowhere/net.onnx', graph)).rejects.toThrow(DataError);
  });
});

describe('fused nodes', () => {
  const random = createRandom(2);
  const activations: AttrsInput<'conv2d'>['activation'][] = [
    null,
    { kind: 'relu' },
    { kind: 'leaky-relu', alpha: 0.25 },
    { kind: 'clip', min: 0, max: 6 },
  ];

  it.each(activations)('unfold, and the last keeps the name: %j', async (activation = null) => {
    const b = graphBuilder('net');
    const x = b.input('x', ['N', 3, 4, 4]);
    const weight = b.constant('w', float32([3, 3, 1, 1], normals(random, 9)));
    const y = b.node('conv2d', [x, weight, '', x], { activation }, 'y');
    const graph = b.build([y]);
    const bytes = exportOnnx(graph);
    const inputs = randomInputs(graph);
    const expected = interpret(graph, inputs);
    expectClose(await runOrt(bytes, inputs), expected);
    const again = importOnnx(bytes).graph;
    expectClose(interpret(again, inputs), expected);
    expect(again.nodes.at(-1)?.name).toBe('y');
    expect(again.nodes.every(({ origin }) => origin === 'y')).toBe(true);
  });

  it('keeps metadata, and the origin of nodes', () => {
    const b = graphBuilder('net');
    const built = b.build([b.node('relu', [b.input('x', ['N'])], {}, 'layer/vertical')]);
    const nodes = built.nodes.map((node) => ({ ...node, origin: 'layer' }));
    const graph = { ...built, nodes, metadata: { history: 'decouple{terms=2}' } };
    expect(importOnnx(exportOnnx(graph)).graph).toEqual(graph);
  });
});
