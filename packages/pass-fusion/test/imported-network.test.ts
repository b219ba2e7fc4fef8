/** Whole networks: a trained ResNet-20 as it comes from PyTorch, and small ones of every family. */
import { readFile } from 'node:fs/promises';
import { testModels } from '@decouple/conformance';
import { importOnnx } from '@decouple/onnx';
import { parsePipeline, runPipeline } from '@decouple/pass-manager';
import { expect, test } from 'vitest';
import { fusionPasses } from '../src/index.ts';
import { expectSame } from './kit.ts';

const text = 'fold-constants, remove-identity, fold-batch-norm, merge-linear, merge-branches, fuse';

test('ResNet-20: 19 normalizations folded, 19 activations and 9 sums fused', async () => {
  const url = new URL('../../../test-models/resnet20-cifar10.onnx', import.meta.url);
  const { graph } = importOnnx(new Uint8Array(await readFile(url)));
  const result = await runPipeline(graph, parsePipeline(text, fusionPasses));
  expect(result.passes.map((report) => report.rewrites)).toEqual([0, 0, 19, 0, 0, 28]);
  const ops = new Set(result.graph.nodes.map((node) => node.op));
  expect(ops).toEqual(new Set(['conv2d', 'slice', 'pad', 'reduce', 'linear']));
  expectSame(graph, result.graph, 1e-6, 1);
});

test.each(testModels().map(({ name, graph }) => [name, graph] as const))(
  '%s keeps its function',
  async (_name, graph) => {
    const result = await runPipeline(graph, parsePipeline(text, fusionPasses));
    expect(result.graph.nodes.length).toBeLessThan(graph.nodes.length);
    expectSame(graph, result.graph, 1e-5, 1);
  },
);
