import { graphBuilder, makeNode, type Graph, type Node } from '@decouple/ir';
import {
  createRandom,
  float32,
  InvariantError,
  ModelError,
  normals,
  OptionError,
} from '@decouple/tensor';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  definePass,
  pipeline,
  runPipeline,
  step,
  type Pass,
  type PipelineEvent,
} from '../src/index.ts';

/** `layers` of a 3×3 convolution and a rectifier. */
function chain(layers: number): Graph {
  const b = graphBuilder('chain');
  const random = createRandom(1);
  let value = b.input('x', ['N', 2, 4, 4]);
  for (let layer = 0; layer < layers; layer++) {
    const weight = b.constant(`w${layer}`, float32([2, 2, 3, 3], normals(random, 36)));
    value = b.node('conv2d', [value, weight], { pads: [1, 1, 1, 1] }, `conv${layer}`);
    value = b.node('relu', [value], {}, `relu${layer}`);
  }
  return b.build([value]);
}
const noOptions = z.strictObject({});

/** Joins a rectifier to the convolution before it. */
const fuse = definePass({
  name: 'fuse',
  summary: 'Fuses.',
  effect: 'exact',
  options: noOptions,
  statistics: { fused: 'rectifiers', other: 'never' },
  rules: {
    conv2d: (node, graph, _options, context) => {
      const next = graph.nodes.find((other) => other.inputs[0] === node.outputs[0]);
      if (next?.op !== 'relu') return { skip: 'no rectifier follows' };
      context.count('fused');
      context.detail({ layer: node.origin, into: node.name });
      const attrs = { ...node.attrs, activation: { kind: 'relu' as const } };
      return {
        remove: [node.name, next.name],
        add: [makeNode('conv2d', node.name, node.inputs, attrs, { outputs: next.outputs })],
      };
    },
  },
});

const custom = (name: string, definition: Pick<Pass, 'rules' | 'run'>, effect?: 'approximate') =>
  definePass({
    name,
    summary: '',
    effect: effect ?? 'exact',
    options: noOptions,
    ...definition,
  });
const only = (pass: Pass) => pipeline([step(pass)]);

test('rules run to a fixed point, and the report counts rewrites, skips and costs', async () => {
  const { graph, passes } = await runPipeline(chain(5), pipeline([step(fuse)]));
  expect(graph.nodes.map((node) => `${node.op} ${node.name}`)).toEqual(
    [0, 1, 2, 3, 4].map((layer) => `conv2d conv${layer}`),
  );
  const report = passes[0];
  expect(report).toMatchObject({
    name: 'fuse',
    options: {},
    rewrites: 5,
    statistics: { fused: 5, other: 0 },
    skipped: [
      {
        reason: 'no rectifier follows',
        count: 5,
        nodes: ['conv0', 'conv1', 'conv2', 'conv3', 'conv4'],
      },
    ],
  });
  expect(report?.details).toHaveLength(5);
  expect(report?.before.macs).toBe(5 * 16 * 36);
  expect(report?.after).toMatchObject({ macs: report?.before.macs, elementwise: 0 });
});

test('500 nodes with 250 rewrites take less than a second', async () => {
  const graph = chain(250);
  const started = performance.now();
  const { passes } = await runPipeline(graph, only(fuse));
  expect(passes[0]?.rewrites).toBe(250);
  expect(performance.now() - started).toBeLessThan(1000);
});

test('a rewrite of an approximate pass that does not pay is refused', async () => {
  const widen = (groups: number): Pass =>
    custom(
      'widen',
      {
        rules: {
          conv2d: (
            node: Node,
            graph: Graph,
            _options: unknown,
            context: { count(n: string): void },
          ) => {
            const weight = graph.constants.get(node.inputs[1] as string);
            if (!weight || weight.shape[1] === 1) return undefined;
            context.count('made');
            const name = `${node.name}/weight`;
            const rows = groups === 2 ? 1 : 2;
            return {
              remove: [node.name],
              add: [
                makeNode(
                  'conv2d',
                  `${node.name}/new`,
                  [node.inputs[0] as string, name],
                  {
                    pads: [1, 1, 1, 1],
                    groups,
                  },
                  { outputs: node.outputs, origin: node.origin },
                ),
              ],
              constants: [[name, float32([2, rows, 3, 3], new Float32Array(18 * rows))]] as const,
            };
          },
        },
      },
      'approximate',
    );
  const same = await runPipeline(chain(2), only(widen(1)));
  expect(same.passes[0]).toMatchObject({
    rewrites: 0,
    statistics: {},
    skipped: [{ reason: 'the replacement would not cost fewer MACs', count: 2 }],
  });
  const paid = await runPipeline(chain(2), only(widen(2)));
  expect(paid.passes[0]).toMatchObject({ rewrites: 2, statistics: { made: 2 } });
  expect(paid.graph.nodes[0]).toMatchObject({ name: 'conv0/new', origin: 'conv0' });
});

test('a rule that never settles is an error that names pass and node', async () => {
  const flip = custom('flip', {
    rules: {
      relu: (node: Node) => ({
        remove: [node.name],
        add: [{ ...node, name: `${node.name}'` }],
      }),
    },
  });
  const failed = runPipeline(chain(1), only(flip));
  await expect(failed).rejects.toThrow(InvariantError);
  await expect(failed).rejects.toThrow(/pass 'flip' \(step 1\): no fixed point .* 'relu0'/);
});

test('errors of rules keep their kind and cause and gain pass and node', async () => {
  const bad = (error: Error) =>
    custom('bad', {
      rules: {
        relu: () => {
          throw error;
        },
      },
    });
  const wrong = new ModelError('wrong');
  const failed = runPipeline(chain(1), only(bad(wrong)));
  await expect(failed).rejects.toThrow(ModelError);
  await expect(failed).rejects.toThrow("pass 'bad' (step 1): relu 'relu0': wrong");
  await expect(failed).rejects.toMatchObject({ cause: { cause: wrong } });
  await expect(runPipeline(chain(1), only(bad(new TypeError('oops'))))).rejects.toThrow(
    InvariantError,
  );
});

test('a patch that does not fit the graph names its node', async () => {
  const broken = custom('broken', {
    rules: { relu: (node: Node) => ({ remove: [node.name] }) },
  });
  await expect(runPipeline(chain(1), only(broken))).rejects.toThrow(
    /pass 'broken' \(step 1\): relu 'relu0': .*relu0/,
  );
});

test('NaN in new constants and changed outputs are found, unless verification is off', async () => {
  const poison = custom('poison', {
    run: (graph: Graph) => ({
      ...graph,
      constants: new Map([
        ...graph.constants,
        ['w0', float32([2, 2, 3, 3], new Float32Array(36).fill(NaN))],
      ]),
    }),
  });
  await expect(runPipeline(chain(1), only(poison))).rejects.toThrow("constant 'w0' holds NaN");
  const { passes } = await runPipeline(chain(1), only(poison), { verifyEach: false });
  expect(passes[0]?.rewrites).toBe(1);
  const cut = custom('cut', { run: (graph: Graph) => ({ ...graph, outputs: ['conv0'] }) });
  await expect(runPipeline(chain(1), only(cut))).rejects.toThrow('inputs and outputs were');
});

test('a whole-graph pass notes, counts, reports progress; its dead nodes are dropped', async () => {
  const events: PipelineEvent[] = [];
  const shorten = definePass({
    name: 'shorten',
    summary: '',
    effect: 'approximate',
    options: z.strictObject({ by: z.int().default(1) }),
    statistics: { cut: 'rectifiers cut' },
    run: async (graph, { by }, context) => {
      await Promise.resolve();
      context.progress(1, 2, 'conv1');
      context.count('cut', by);
      context.note('conv0', 'too small');
      context.detail({ layer: 'conv1', error: 0.1 });
      const last = graph.nodes.at(-1) as Node;
      const nodes = graph.nodes.slice(0, -1);
      return { ...graph, nodes: [...nodes, { ...last, inputs: ['relu0'] }] };
    },
  });
  const { graph, passes } = await runPipeline(chain(2), only(shorten), {
    onEvent: (event) => events.push(event),
  });
  expect(graph.nodes.map((node) => node.name)).toEqual(['conv0', 'relu0', 'relu1']);
  expect(graph.constants.has('w1')).toBe(false);
  expect(passes[0]).toMatchObject({
    options: { by: 1 },
    rewrites: 1,
    statistics: { cut: 1 },
    skipped: [{ reason: 'too small', count: 1, nodes: ['conv0'] }],
    details: [{ layer: 'conv1', error: 0.1 }],
  });
  expect(events.map((event) => event.kind)).toEqual([
    'pass-start',
    'progress',
    'rewrite',
    'pass-end',
  ]);
  expect(events[1]).toMatchObject({ pass: 'shorten', index: 0, count: 1, done: 1, what: 'conv1' });
  expect(events[3]).toMatchObject({ report: passes[0], graph });
});

test('a cancelled run throws the reason of the signal', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const stopping = custom('stopping', {
    rules: {
      relu: () => {
        controller.abort(reason);
        return undefined;
      },
    },
  });
  const run = runPipeline(chain(2), only(stopping), { signal: controller.signal });
  await expect(run).rejects.toBe(reason);
  const aborted = runPipeline(chain(1), only(fuse), { signal: AbortSignal.abort() });
  await expect(aborted).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
});

test('a pass that needs calibration fails before anything runs', async () => {
  let ran = false;
  const first = custom('first', { run: (graph: Graph) => ((ran = true), graph) });
  const fitted = definePass({
    name: 'fitted',
    summary: '',
    effect: 'approximate',
    options: z.strictObject({ refit: z.boolean().default(true) }),
    needs: ({ refit }) => (refit ? ['calibration'] : []),
    run: (graph) => graph,
  });
  await expect(runPipeline(chain(1), pipeline([step(first), step(fitted)]))).rejects.toThrow(
    OptionError,
  );
  expect(ran).toBe(false);
  await runPipeline(chain(1), pipeline([step(first), step(fitted, { refit: false })]));
  expect(ran).toBe(true);
});

test('random numbers depend on seed, pass and occurrence, not on other passes', async () => {
  const drawn: number[] = [];
  const draw = custom('draw', {
    run: (graph, _options, { random }) => {
      drawn.push(random.uniform());
      return graph;
    },
  });
  const run = (steps: Pass[], seed: number) =>
    runPipeline(chain(1), pipeline(steps.map((pass) => step(pass))), { seed });
  await run([draw, draw], 1);
  await run([fuse, draw], 1);
  await run([draw], 2);
  expect(drawn[2]).toBe(drawn[0]);
  expect(new Set(drawn).size).toBe(3);
});
