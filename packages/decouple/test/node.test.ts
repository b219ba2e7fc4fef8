import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  compareOutputs,
  compile,
  createRandom,
  DataError,
  float32,
  normals,
  optimize,
  OptionError,
  reference,
  UnsupportedError,
} from '../src/index.ts';
import {
  backendByName,
  loadOnnxRuntime,
  onnxRuntime,
  readModel,
  readNpy,
  writeFileWhole,
  writeModel,
  writeNpy,
} from '../src/node.ts';
import { tinyClassifier } from './models.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'decouple-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('files', () => {
  it('writes arrays whole, making folders', async () => {
    const path = join(folder, 'new/folder/x.npy');
    const value = float32([2, 2], [1, 2, 3, 4]);
    await writeNpy(path, value);
    expect(readNpy(path)).toEqual(value);
    expect(await readdir(join(folder, 'new/folder'))).toEqual(['x.npy']);
  });

  it('names the file that can not be written, and leaves nothing behind', async () => {
    await writeFileWhole(join(folder, 'file'), 'x');
    const attempt = writeFileWhole(join(folder, 'file/below'), 'x');
    await expect(attempt).rejects.toThrow(DataError);
    await expect(attempt).rejects.toThrow(/file\/below: can't be written/);
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('refuses formats it does not know', async () => {
    await expect(readModel('net.h5')).rejects.toThrow(UnsupportedError);
    await expect(readModel(join(folder, 'none.onnx'))).rejects.toThrow(/none\.onnx: can't be read/);
  });
});

describe('backendByName', () => {
  it('suggests the nearest name', () => {
    expect(backendByName('reference').name).toBe('reference');
    expect(() => backendByName('refrence')).toThrow(OptionError);
    expect(() => backendByName('refrence')).toThrow(/did you mean 'reference'/);
  });
});

describe('onnxruntime', () => {
  it('keeps the native and the web runtime apart, whichever comes first', async () => {
    const web = await loadOnnxRuntime('onnxruntime-web');
    const native = await loadOnnxRuntime('onnxruntime-node');
    expect(native.InferenceSession).not.toBe(web.InferenceSession);
  });
});

describe('written models', () => {
  const graph = tinyClassifier();
  const input = float32([3, 3, 8, 8], normals(createRandom(5), 576));

  it.each(['onnxruntime-node', 'onnxruntime-web'] as const)(
    'give the same numbers in %s, also when optimised and fused',
    async (peer) => {
      const { graph: fast } = await optimize(graph, 'fold-batch-norm, decouple{macs=0.7x}, fuse');
      for (const [name, model] of Object.entries({ graph, fast })) {
        const path = join(folder, `${name}.onnx`);
        await writeModel(path, model);
        const expected = await (
          await compile(model, reference(), { bind: { N: 3 } })
        ).run({ input });
        const runtime = await compile(await readModel(path), onnxRuntime(peer), { bind: { N: 3 } });
        const actual = await runtime.run({ input });
        runtime.dispose();
        expect(compareOutputs(expected, actual).maxRel).toBeLessThan(1e-5);
      }
    },
  );
});
