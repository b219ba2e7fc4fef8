import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { makeNode } from '@decouple/ir';
import {
  bisect,
  definePass,
  float32,
  graphBuilder,
  interpret,
  optimize,
  type Graph,
  type Pass,
} from '../src/index.ts';
import { tinyClassifier, tinyData } from './models.ts';

const layers = 12;

/** A chain of products by constants. */
function chain(): Graph {
  const b = graphBuilder('chain');
  let value = b.input('x', ['N', 3]);
  for (let index = 0; index < layers; index++) {
    const factor = b.constant(`c${index}`, float32([3], [1 + index / 50, 0.9, 1.1]));
    value = b.node('mul', [value, factor], {}, `m${index}`);
  }
  return b.build([value]);
}
const common = { summary: '', effect: 'exact', options: z.strictObject({}) } as const;

/** Writes products the other way round; from the product `wrong` on, it makes sums of some. */
const byRules = (wrong: number): Pass =>
  definePass({
    ...common,
    name: 'swap',
    rules: {
      mul: (node) => {
        const { name, inputs, outputs } = node;
        if (inputs[0]?.startsWith('c')) return undefined;
        const op = name === `m${wrong}` ? 'add' : 'mul';
        const [x = '', c = ''] = inputs;
        return { remove: [name], add: [makeNode(op, name, [c, x], {}, { outputs })] };
      },
    },
  });

const byRun = (wrong: number): Pass =>
  definePass({
    ...common,
    name: 'swap',
    run: (graph, _options, { rewrite }) => {
      let current = graph;
      for (const { name, inputs, outputs } of graph.nodes) {
        const [x = '', c = ''] = inputs;
        const op = name === `m${wrong}` ? 'add' : 'mul';
        const add = [makeNode(op, name, [c, x], {}, { outputs })];
        current = rewrite(current, { remove: [name], add });
      }
      return current;
    },
  });

describe('bisect', () => {
  it.each([
    ['rules', byRules],
    ['a function', byRun],
  ])('finds the one wrong rewrite of a pass of %s', async (_, make) => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: layers - 1 }), async (planted) => {
        const passes = [make(planted)];
        const { wrong } = await bisect(chain(), 'fuse, clean(swap), fuse', { passes });
        expect(wrong).toMatchObject({ pass: 'swap', groups: ['clean'], node: `m${planted}` });
        expect(wrong?.changes).toMatch(
          new RegExp(`^- %m${planted} = mul.*\n\\+ %m${planted} = add`),
        );
        expect(wrong?.error).toBeGreaterThan(1e-4);
        expect(wrong?.errorBefore).toBeLessThan(1e-6);
        // The number is what stopAfter takes.
        const at = async (stopAfter: number) =>
          (await optimize(chain(), 'fuse, swap', { passes, stopAfter })).graph;
        const has = async (number: number) =>
          (await at(number)).nodes.some(({ op }) => op === 'add');
        expect(await has(wrong!.number - 1)).toBe(false);
        expect(await has(wrong!.number)).toBe(true);
      }),
      { numRuns: 12, seed: 1 },
    );
  });

  it('reports each pass and finds nothing where nothing is wrong', async () => {
    const { passes, wrong } = await bisect(tinyClassifier(), 'fold-batch-norm, repeat(fuse)');
    expect(wrong).toBeUndefined();
    expect(passes.map(({ pass, groups, rewrites }) => [pass, groups, rewrites])).toEqual([
      ['fold-batch-norm', [], 2],
      ['fuse', ['repeat 1'], 2],
      ['fuse', ['repeat 2'], 0],
    ]);
    for (const { error } of passes) expect(error).toBeLessThan(1e-5);
  });

  /** Scales the last weights: wrong about the second convolution, after decoupling too. */
  const scale = definePass({
    ...common,
    name: 'scale',
    rules: {
      linear: (node, graph) => {
        const name = `${node.name}/scaled`;
        const weight = graph.constants.get(node.inputs[1] as string);
        if (!weight || node.inputs[1] === name) return undefined;
        const data = (weight.data as Float32Array).map((value) => 1.01 * value);
        const inputs = [node.inputs[0] as string, name];
        const add = [{ ...node, inputs }];
        return { remove: [node.name], add, constants: [[name, float32(weight.shape, data)]] };
      },
    },
  });

  it('looks past approximate passes, and judges them when told', async () => {
    const options = { passes: [scale], calibration: tinyData(12), samples: 8 };
    const text = 'fold-batch-norm, decouple{terms=1}, scale, fuse';
    const { passes, wrong } = await bisect(tinyClassifier(), text, options);
    expect(passes.map(({ pass }) => pass)).toEqual(['fold-batch-norm', 'decouple', 'scale']);
    expect(passes[1]?.error).toBeGreaterThan(1e-3);
    expect(passes[2]?.error).toBeCloseTo(0.01, 3);
    expect(wrong).toMatchObject({ pass: 'scale', rule: 'linear', node: 'logits' });
    const judged = await bisect(tinyClassifier(), text, { ...options, approximateTolerance: 1e-3 });
    expect(judged.wrong).toMatchObject({ pass: 'decouple', node: 'conv1', number: 3 });
    expect(judged.wrong?.rule).toBeUndefined();
    const lenient = await bisect(tinyClassifier(), text, { ...options, tolerance: 0.1 });
    expect(lenient.wrong).toBeUndefined();
  });

  it('finds what becomes NaN', async () => {
    const poison = definePass({
      ...common,
      name: 'poison',
      rules: {
        relu: ({ name, inputs, outputs }) => ({
          remove: [name],
          add: [makeNode('log', name, inputs, {}, { outputs })],
        }),
      },
    });
    const graph = tinyClassifier();
    const input = float32([1, 3, 8, 8], new Float32Array(192).fill(0.1));
    const { wrong } = await bisect(graph, 'poison', { passes: [poison], inputs: { input } });
    expect(wrong).toMatchObject({ number: 1, node: 'conv1_relu', error: Infinity });
    const { logits } = interpret(wrong!.after, { input });
    expect(logits?.data.some((value) => Number.isNaN(value))).toBe(true);
  });
});
