import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convKernels, cpu } from '@decouple/backend-cpu';
import { nodeWorkers, prepareNode } from '@decouple/backend-cpu/node';
import { runConformance } from '@decouple/conformance';
import {
  bindSymbols,
  compareOutputs,
  compile,
  float32,
  optimize,
  randomInputs,
  reference,
  type Graph,
  type Tensor,
} from 'decouple';
import { compileFiles, readModel } from 'decouple/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const { relaxedSimd } = prepareNode();
const tolerance = 1e-5;
const folder = mkdtempSync(join(tmpdir(), 'decouple-nodes-'));
afterAll(() => rmSync(folder, { recursive: true }));

test(`Node ${process.version} has fused multiply-add`, () => expect(relaxedSimd).toBe(true));

for (const fma of [true, false])
  for (const force of convKernels)
    runConformance(
      { describe, test },
      { ...cpu({ fma, force }), name: `cpu, ${fma ? 'fused' : 'plain'}, ${force}` },
      { only: (name) => /^(conv2d|linear|max-pool|softmax|resize)/.test(name), randomGraphs: 5 },
    );

describe('ResNet-20, decoupled', () => {
  let graph: Graph;
  let inputs: Record<string, Tensor>;
  let expected: Record<string, Tensor>;
  const gapTo = (outputs: Record<string, Tensor>): number =>
    compareOutputs(expected, outputs).maxRel;

  beforeAll(async () => {
    const path = fileURLToPath(new URL('../../test-models/resnet20-cifar10.onnx', import.meta.url));
    const { graph: made } = await optimize(
      await readModel(path),
      'fold-batch-norm, decouple{macs=0.5x, data=off}, fuse',
    );
    graph = bindSymbols(made, { N: 1 });
    inputs = randomInputs(graph);
    expected = await (await compile(graph, reference())).run(inputs);
  });

  test.each([1, 2])('runs on %i threads as the interpreter does', async (threads) => {
    const executable = await compile(graph, cpu({ threads, workers: nodeWorkers }));
    expect(executable.info().threads).toBe(threads);
    for (let run = 0; run < 20; run++)
      expect(gapTo(await executable.run(inputs))).toBeLessThan(tolerance);
    executable.dispose();
  });

  test('runs where this project is not, once compiled', async () => {
    await compileFiles('network', graph, folder);
    const [[input, { data }]] = Object.entries(inputs) as [[string, Tensor]];
    writeFileSync(join(folder, 'x.json'), JSON.stringify(Array.from(data as Float32Array)));
    writeFileSync(
      join(folder, 'run.mjs'),
      `import { readFileSync } from 'node:fs';
       import { load } from './network.js';
       const model = await load();
       const outputs = model.run({ ${JSON.stringify(input)}: Float32Array.from(JSON.parse(readFileSync('x.json'))) });
       console.log(JSON.stringify({ version: process.version, fma: model.fma, values: [...Object.values(outputs)[0]] }));`,
    );
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const { stdout, stderr } = spawnSync(process.execPath, ['run.mjs'], {
      cwd: folder,
      encoding: 'utf8',
      env: {},
    });
    expect(stderr).toBe('');
    const { version, fma, values } = JSON.parse(stdout) as {
      version: string;
      fma: boolean;
      values: number[];
    };
    expect([version, fma]).toEqual([process.version, true]);
    const [[output, { shape }]] = Object.entries(expected) as [[string, Tensor]];
    expect(gapTo({ [output]: float32(shape, Float32Array.from(values)) })).toBeLessThan(tolerance);
  });
});
