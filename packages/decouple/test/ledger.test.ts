import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  createRandom,
  definePass,
  float32,
  graphBuilder,
  interpret,
  normals,
  optimize,
  reference,
  UnsupportedError,
  type Graph,
  type Pass,
  type Tensor,
} from '../src/index.ts';
import { tinyClassifier, tinyData } from './models.ts';

const backend = reference();
const calibration = tinyData(60);
const common = { ledger: true, backend, calibration, samples: 24 } as const;

/** Scales the weight of one layer, by its origin, and says that it is exact. */
const corrupt = (layer: string, factor: number): Pass =>
  definePass({
    name: 'corrupt',
    summary: '',
    effect: 'exact',
    options: z.strictObject({}),
    run: (graph, _options, { rewrite }) => {
      const node = graph.nodes.find(
        ({ op, origin }) => origin === layer && (op === 'conv2d' || op === 'linear'),
      );
      const [x = '', weight = '', ...others] = node?.inputs ?? [];
      const old = graph.constants.get(weight);
      if (!node || !old) throw new Error(`no layer ${layer}`);
      const data = (old.data as Float32Array).map((value) => factor * value);
      return rewrite(graph, {
        remove: [node.name],
        add: [{ ...node, inputs: [x, 'corrupted', ...others] }],
        constants: [['corrupted', float32(old.shape, data)]],
      });
    },
  });

/** Five convolutions of equal shape, one beside the others, and a mean. */
function network(): Graph {
  const random = createRandom(5);
  const b = graphBuilder('net');
  const conv = (x: string, name: string): string => {
    const w = b.constant(`${name}.w`, float32([4, 4, 3, 3], normals(random, 144, 0.25)));
    return b.node(
      'relu',
      [b.node('conv2d', [x, w], { pads: [1, 1, 1, 1] }, name)],
      {},
      `${name}_relu`,
    );
  };
  const x = b.input('x', ['N', 4, 6, 6]);
  const first = conv(conv(x, 'a'), 'b');
  const sum = b.node('add', [conv(first, 'c'), first], {}, 'sum');
  const last = conv(conv(sum, 'd'), 'e');
  return b.build([b.node('global-average-pool', [last], {}, 'out')]);
}

describe('the ledger of errors', () => {
  it('calls exact passes exact', async () => {
    const { report } = await optimize(tinyClassifier(), 'fold-batch-norm, fuse', common);
    expect(report.ledger).toMatchObject({ data: 'tiny-data', samples: 32, heldOut: true });
    expect(report.ledger?.worst).toBeUndefined();
    for (const { output, layers, changed } of report.ledger?.passes ?? []) {
      expect(output).toBeLessThan(1e-9);
      expect(layers.map(({ layer }) => layer)).toEqual(['conv1', 'conv2', 'logits']);
      expect(changed.map(({ layer }) => layer).sort()).toEqual(['conv1', 'conv2']);
      for (const { error } of layers) expect(error).toBeLessThan(1e-9);
      for (const { local, added } of changed) expect([local < 1e-9, added]).toEqual([true, 0]);
    }
  });

  it.each(['conv1', 'conv2', 'logits'])(
    'names a corrupted layer and its pass: %s',
    async (layer) => {
      const passes = [corrupt(layer, 0.3)];
      const text = 'fold-batch-norm, decouple{terms=6}, broken(corrupt), fuse';
      const { report } = await optimize(tinyClassifier(), text, { ...common, passes });
      expect(report.ledger?.worst).toMatchObject({ pass: 'corrupt', groups: ['broken'], layer });
      const entries = report.ledger?.passes ?? [];
      const at = entries.findIndex(({ pass }) => pass === 'corrupt');
      expect(entries[at]?.changed.map((change) => change.layer)).toEqual([layer]);
      expect(entries[at]!.output).toBeGreaterThan(10 * entries[at - 1]!.output);
      // What comes after keeps the error and is not blamed for it.
      expect(entries[at + 1]?.output).toBeCloseTo(entries[at]!.output, 6);
      for (const { added } of entries[at + 1]?.changed ?? [])
        expect(Math.abs(added)).toBeLessThan(1e-6);
      expect(report.table()).toMatch(new RegExp(`largest part: ${layer}, by broken/corrupt`));
      for (const line of report.table().split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    },
  );

  const names = ['a', 'b', 'c', 'd', 'e'];
  const closedForm = 'allowCostlier=true, data=off';

  /**
   * Pipelines that give one layer a rank of 1 and all others a high one. Pruning leaves the others alone: where
   * neighbours lose channels too, the value between them is gone and the ledger takes both for one layer.
   */
  const planted: readonly [string, (table: (low: number, high: number) => string) => string][] = [
    ['decouple', (table) => `decouple{terms={${table(1, 6)}}, form=dw-pw, ${closedForm}}`],
    [
      'spatial-decompose',
      (table) => `spatial-decompose{rank={${table(1, 9)}}, multiple=1, ${closedForm}}`,
    ],
    [
      'channel-decompose',
      (table) => `channel-decompose{rank={${table(1, 3)}}, multiple=1, ${closedForm}}`,
    ],
    [
      'channel-prune',
      (table) => `channel-prune{keep={${table(0.25, 1)}}, multiple=1, method=l1, data=off}`,
    ],
  ];

  it.each(planted)(
    'names the one layer of too low a rank, in any place: %s',
    async (pass, text) => {
      for (const bad of names) {
        const table = (low: number, high: number): string =>
          names.map((name) => `${name}=${name === bad ? low : high}`).join(', ');
        const { report } = await optimize(network(), `${text(table)}, fuse`, {
          ledger: true,
          backend,
        });
        expect(report.ledger).toMatchObject({ data: 'random inputs', samples: 32 });
        expect(report.ledger?.worst).toMatchObject({ pass, layer: bad });
      }
    },
  );

  it('measures what a hand calculation gives', async () => {
    const b = graphBuilder('line');
    const x = b.input('x', ['N', 2]);
    const w = b.constant('w', float32([2, 2], [1, 0, 0, 1]));
    const v = b.constant('v', float32([1, 2], [1, 1]));
    const graph = b.build([b.node('linear', [b.node('linear', [x, w], {}, 'h'), v], {}, 'y')]);
    const { report } = await optimize(graph, 'corrupt', {
      ledger: true,
      backend,
      seed: 3,
      passes: [corrupt('h', 1.5)],
    });
    const [entry] = report.ledger?.passes ?? [];
    // The response is 1.5 times itself: the error is a quarter of the power, relative to the variance.
    const relative = (values: number[], width: number): number => {
      const power = values.reduce((sum, value) => sum + value ** 2, 0);
      const means = Array.from({ length: width }, (_, channel) => {
        const own = values.filter((_value, index) => index % width === channel);
        return own.reduce((sum, value) => sum + value, 0) ** 2 / own.length;
      });
      return (0.25 * power) / (power - means.reduce((sum, value) => sum + value, 0));
    };
    const input = float32([32, 2], normals(createRandom(3).fork('x'), 64));
    const y = interpret(graph, { x: input }).y as Tensor;
    const [h, out] = [input, y].map(({ data }) => Array.from(data as Float32Array));
    expect(entry?.output).toBeCloseTo(relative(out!, 1), 5);
    expect(entry?.changed).toHaveLength(1);
    expect(entry?.changed[0]?.local).toBeCloseTo(relative(h!, 2), 5);
    expect(entry?.changed[0]?.added).toBeCloseTo(relative(out!, 1), 5);
    expect(entry?.layers.map(({ layer }) => layer)).toEqual(['h', 'y']);
  });

  it('gives the same on the cpu backend, and the same again', async () => {
    const passes = [corrupt('conv2', 0.5)];
    const run = async (options: object) =>
      (
        await optimize(tinyClassifier(), 'fold-batch-norm, decouple{terms=1}, corrupt', {
          ledger: true,
          passes,
          ...options,
        })
      ).report.ledger!;
    const [a, again, b] = [await run({}), await run({}), await run({ backend })];
    expect(again).toEqual(a);
    a.passes.forEach(({ output }, index) => expect(output).toBeCloseTo(b.passes[index]!.output, 4));
    expect(a.worst).toMatchObject({ pass: b.worst?.pass, layer: b.worst?.layer });
  });

  it('works with a fixed batch, and says what it can not do', async () => {
    const b = graphBuilder('fixed');
    const x = b.input('x', [1, 2]);
    const w = b.constant('w', float32([2, 2], [1, 2, 3, 4]));
    const graph = b.build([b.node('linear', [x, w], {}, 'y')]);
    const passes = [corrupt('y', 2)];
    const { report } = await optimize(graph, 'corrupt', { ledger: true, backend, passes });
    expect(report.ledger).toMatchObject({ samples: 32, worst: { layer: 'y' } });
    const other = graphBuilder('shapes');
    const shape = other.build([other.node('shape', [other.input('x', [1, 2])], {}, 's')]);
    await expect(optimize(shape, 'fuse', { ledger: true, backend })).rejects.toThrow(
      UnsupportedError,
    );
  });
});
