import { interpreterBackend } from '@decouple/backend';
import {
  createCalibration,
  momentsOf,
  sampleDataset,
  sampleLayer,
  tensorDataset,
  type Calibration,
} from '@decouple/calibration';
import { openDataset } from '@decouple/calibration/node';
import {
  applyPatch,
  graphBuilder,
  interpret,
  isOp,
  makeNode,
  type Graph,
  type NodeOf,
} from '@decouple/ir';
import {
  createRandom,
  DataError,
  float32,
  formatNpy,
  int64,
  normals,
  sizeOf,
  tensor,
  type Tensor,
} from '@decouple/tensor';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';

const random = (shape: number[], seed: number, scale = 1): Tensor<'float32'> =>
  float32(shape, normals(createRandom(seed), sizeOf(shape), scale));

/** conv1 → relu → conv2 (+ shortcut) → relu */
function residualNet(): Graph {
  const b = graphBuilder('net');
  const x = b.input('x', ['N', 2, 6, 5]);
  const w1 = b.constant('w1', random([4, 2, 3, 3], 1, 0.3));
  const r1 = b.node('relu', [b.node('conv2d', [x, w1], { pads: [1, 1, 1, 1] }, 'conv1')], {}, 'r1');
  const w2 = b.constant('w2', random([4, 4, 3, 3], 2, 0.3));
  const c2 = b.node(
    'conv2d',
    [r1, w2, b.constant('b2', random([4], 3))],
    { pads: [1, 1, 1, 1] },
    'conv2',
  );
  return b.build([b.node('relu', [b.node('add', [c2, r1], {}, 'sum')], {}, 'out')]);
}
const convNamed = (graph: Graph, name: string): NodeOf<'conv2d'> =>
  graph.nodes.find((node) => node.name === name && isOp(node, 'conv2d')) as NodeOf<'conv2d'>;
/** The network with conv1's weights scaled: a stand-in for an approximation. */
function changedNet(graph: Graph): Graph {
  const conv = convNamed(graph, 'conv1');
  return applyPatch(graph, {
    remove: ['conv1'],
    add: [makeNode('conv2d', 'conv1/new', ['x', 'w1n'], conv.attrs, { outputs: ['conv1'] })],
    constants: [['w1n', random([4, 2, 3, 3], 9, 0.3)]],
  });
}
const x = random([7, 2, 6, 5], 11);
const calibrate = (original: Graph, more = {}) =>
  createCalibration({
    original,
    dataset: tensorDataset(x),
    backend: interpreterBackend(),
    batchSize: 3,
    ...more,
  });

describe('observing values', () => {
  const graph = residualNet();
  test('every batch is seen in order, the last one trimmed, with the values of the interpreter', async () => {
    const seen: number[] = [];
    const all = new Map<string, Tensor>();
    interpret(graph, { x }, { onValue: (name, value) => void all.set(name, value) });
    const per = 4 * 30;
    await calibrate(graph).observe(
      graph,
      ['conv2', 'x', 'sum'],
      ({ firstSample, size, values }) => {
        seen.push(firstSample, size);
        const expected = (all.get('conv2') as Tensor).data.slice(
          firstSample * per,
          (firstSample + size) * per,
        );
        expect(values.get('conv2')?.data).toEqual(expected);
        expect(values.get('x')?.shape).toEqual([size, 2, 6, 5]);
      },
    );
    expect(seen).toEqual([0, 3, 3, 3, 6, 1]);
  });
  test('kept values replace recomputation, also in a changed network, and never go stale', async () => {
    const compiled: string[][] = [];
    const backend = interpreterBackend();
    const spy = {
      ...backend,
      compile: (g: Graph, o?: object) => (
        compiled.push(g.nodes.map(({ name }) => name)),
        backend.compile(g, o)
      ),
    };
    const calibration = createCalibration({
      original: graph,
      dataset: tensorDataset(x),
      backend: spy,
      batchSize: 4,
    });
    await calibration.observe(graph, ['r1'], () => {});
    await calibration.observe(graph, ['conv2'], () => {});
    expect(compiled).toEqual([['conv1', 'r1'], ['conv2']]);
    const changed = changedNet(graph);
    let value: Tensor | undefined;
    await calibration.observe(
      changed,
      ['conv2'],
      ({ index, values }) => void (index === 0 && (value = values.get('conv2'))),
    );
    expect(compiled[2]).toEqual(['conv1/new', 'r1', 'conv2']);
    const all = new Map<string, Tensor>();
    interpret(changed, { x }, { onValue: (name, tensor) => void all.set(name, tensor) });
    expect(value?.data).toEqual((all.get('conv2') as Tensor).data.slice(0, 4 * 4 * 30));
  });
  test('a small memory budget changes nothing but the work', async () => {
    const sum = async (cacheBytes: number): Promise<number> => {
      const calibration = calibrate(graph, { cacheBytes });
      let total = 0;
      for (const value of ['r1', 'conv2', 'out'])
        await calibration.observe(graph, [value], ({ values }) =>
          (values.get(value) as Tensor<'float32'>).data.forEach((element) => (total += element)),
        );
      return total;
    };
    expect(await sum(0)).toBe(await sum(2 ** 30));
  });
  test('an aborted signal stops it', async () => {
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(calibrate(graph).observe(graph, ['out'], () => {}, signal)).rejects.toThrow(
      'stop',
    );
  });
  test('data that do not fit are refused', () => {
    expect(() =>
      createCalibration({
        original: graph,
        dataset: tensorDataset(random([2, 3, 6, 5], 1)),
        backend: interpreterBackend(),
      }),
    ).toThrow(/samples are \[3, 6, 5\], input 'x' wants \[2, 6, 5\]/);
  });
});

describe('samples of a layer', () => {
  const graph = residualNet();
  test('a patch times the kernel is the response, at every position and with padding', async () => {
    const rows = await sampleLayer(calibrate(graph), graph, convNamed(graph, 'conv1'), {});
    expect(rows.rows).toBe(7 * 30);
    const weight = graph.constants.get('w1')?.data as Float32Array;
    await rows.visitPatches((patches, firstRow, count) => {
      for (let row = 0; row < count; row++)
        for (let o = 0; o < 4; o++) {
          let sum = 0;
          for (let i = 0; i < 18; i++)
            sum += (patches[row * 18 + i] as number) * (weight[o * 18 + i] as number);
          expect(rows.targets[(firstRow + row) * 4 + o]).toBeCloseTo(sum, 4);
        }
    });
  });
  test('targets of a changed network correct the shortcut', async () => {
    const changed = changedNet(graph);
    const rows = await sampleLayer(calibrate(graph), changed, convNamed(changed, 'conv2'), {});
    expect(rows.response).toEqual({ value: 'conv2', shortcut: 'r1', relu: true });
    const [before, after] = [graph, changed].map((net) => {
      const all = new Map<string, Tensor>();
      interpret(net, { x }, { onValue: (name, value) => void all.set(name, value) });
      return all;
    }) as [Map<string, Tensor>, Map<string, Tensor>];
    const at = (values: Map<string, Tensor>, name: string, row: number, channel: number): number =>
      (values.get(name) as Tensor<'float32'>).data[
        (Math.floor(row / 30) * 4 + channel) * 30 + (row % 30)
      ] as number;
    for (let row = 0; row < rows.rows; row += 13)
      for (let channel = 0; channel < 4; channel++)
        expect(rows.targets[row * 4 + channel]).toBeCloseTo(
          at(before, 'conv2', row, channel) +
            at(before, 'r1', row, channel) -
            at(after, 'r1', row, channel),
          4,
        );
  });
  test('a shortcut that is still to change is left out', async () => {
    const rows = await sampleLayer(calibrate(graph), graph, convNamed(graph, 'conv2'), {
      pending: new Set(['conv1']),
    });
    expect(rows.shortcuts).toBeUndefined();
  });
  test('targets are computed once, and stay as they are when a shortcut corrects them', async () => {
    const calibration = calibrate(graph);
    const observed: string[] = [];
    const spy: Calibration = {
      ...calibration,
      observe: (net, values, ...others) => (
        observed.push(`${net === graph ? 'original' : 'changed'} ${values.join()}`),
        calibration.observe(net, values, ...others)
      ),
    };
    const sampled = async (net: Graph): Promise<Float32Array> =>
      (await sampleLayer(spy, net, convNamed(net, 'conv2'))).targets;
    const first = (await sampled(graph)).slice();
    expect(await sampled(changedNet(graph))).not.toEqual(first);
    expect(await sampled(graph)).toEqual(first);
    expect(observed).toEqual(['original conv2,r1', 'original r1', 'changed r1', 'original r1']);
  });
  test('few points are distinct and repeatable', async () => {
    const draw = async (): Promise<Float32Array> =>
      (await sampleLayer(calibrate(graph), graph, convNamed(graph, 'conv1'), { pointsPerImage: 5 }))
        .targets;
    expect(await draw()).toEqual(await draw());
    expect((await draw()).length).toBe(7 * 5 * 4);
  });
});

test.each([1, 2])('streaming moments equal their definition: %i groups', async (groups) => {
  const b = graphBuilder('g');
  const input = b.input('x', ['N', 2, 6, 5]);
  const w = b.constant('w', random([4, 2 / groups, 3, 3], 1));
  const graph = b.build([b.node('conv2d', [input, w], { pads: [1, 1, 1, 1], groups }, 'conv')]);
  const dataset = tensorDataset(
    float32(
      x.shape,
      x.data.map((value) => value + 100),
    ),
  );
  const calibration = createCalibration({
    original: graph,
    dataset,
    backend: interpreterBackend(),
    batchSize: 2,
  });
  const rows = await sampleLayer(calibration, graph, convNamed(graph, 'conv'), {});
  const patches: number[][] = [];
  await rows.visitPatches((block, _, count) => {
    for (let row = 0; row < count; row++)
      patches.push([...block.subarray(row * 18, (row + 1) * 18)]);
  });
  const moments = await momentsOf(rows, groups);
  const mean = (values: number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const size = 18 / groups;
  moments.forEach((group, index) => {
    const column = (i: number): number[] =>
      patches.map((patch) => patch[index * size + i] as number);
    const target = (o: number): number[] =>
      patches.map((_, row) => rows.targets[row * 4 + index * (4 / groups) + o] as number);
    const covariance = (a: number[], c: number[]): number =>
      mean(a.map((value, row) => (value - mean(a)) * ((c[row] as number) - mean(c))));
    for (let i = 0; i < size; i += 4) {
      expect(group.meanPatch[i]).toBeCloseTo(mean(column(i)), 6);
      for (let j = 0; j < size; j += 3)
        expect((group.covariance[i * size + j] as number) / 1e3).toBeCloseTo(
          covariance(column(i), column(j)) / 1e3,
          6,
        );
      for (let o = 0; o < 4 / groups; o++)
        expect((group.cross[i * (4 / groups) + o] as number) / 1e3).toBeCloseTo(
          covariance(column(i), target(o)) / 1e3,
          5,
        );
    }
  });
});

describe('data sets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dataset-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  test('.npy with labels and preprocess.json', async () => {
    const root = join(folder, 'npy');
    mkdirSync(root);
    writeFileSync(
      join(root, 'a_x.npy'),
      formatNpy(tensor('uint8', [3, 1, 1, 2], Uint8Array.from([0, 255, 51, 102, 255, 0]))),
    );
    writeFileSync(join(root, 'a_y.npy'), formatNpy(int64([2, 0, 1])));
    writeFileSync(join(root, 'preprocess.json'), '{ "mean": [0.2], "std": [0.5] }');
    const dataset = openDataset(root);
    expect(dataset.labels).toEqual([2, 0, 1]);
    const batch = await dataset.batch([1, 0]);
    [0, 0.4, -0.4, 1.6].forEach((value, index) => expect(batch.data[index]).toBeCloseTo(value, 6));
  });
  test('images in class folders are resized', async () => {
    const root = join(folder, 'images');
    for (const [name, colour] of [
      ['cat', 255],
      ['dog', 0],
    ] as const) {
      mkdirSync(join(root, name), { recursive: true });
      await sharp({
        create: { width: 9, height: 5, channels: 3, background: { r: colour, g: 0, b: 0 } },
      })
        .png()
        .toFile(join(root, name, 'one.png'));
    }
    const dataset = openDataset(root, { sampleShape: [3, 4, 4] });
    expect(dataset.labels).toEqual([0, 1]);
    const batch = await dataset.batch([0, 1]);
    expect(batch.shape).toEqual([2, 3, 4, 4]);
    expect([batch.data[0], batch.data[16], batch.data[48]]).toEqual([1, 0, 0]);
    writeFileSync(join(root, 'cat', 'broken.png'), 'no image');
    await expect(openDataset(root, { sampleShape: [3, 4, 4] }).batch([0])).rejects.toThrow(
      /broken\.png: not a readable image/,
    );
  });
  test('what is missing is named', () => {
    expect(() => openDataset(join(folder, 'nothing'))).toThrow(DataError);
    mkdirSync(join(folder, 'empty'));
    expect(() => openDataset(join(folder, 'empty'))).toThrow(
      /neither images \(in class folders\) nor one \*_x\.npy/,
    );
  });
  test('a sample is seeded and balanced over classes', () => {
    const labels = int64(Array.from({ length: 100 }, (_, index) => (index < 80 ? 0 : 1)));
    const dataset = tensorDataset(float32([100, 1], new Float32Array(100)), labels);
    const chosen = sampleDataset(dataset, 20, 1);
    expect(chosen.labels?.filter((label) => label === 1).length).toBe(10);
    expect(sampleDataset(dataset, 20, 1).labels).toEqual(chosen.labels);
    expect(sampleDataset(dataset, 200, 1).samples).toBe(100);
  });
});
