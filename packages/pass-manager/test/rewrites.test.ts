/** Repeats, stopping after a number of rewrites, prints, and going on after a failure. */
import { graphBuilder, makeNode, printGraph, type Graph, type Node } from '@decouple/ir';
import { float32, InvariantError, OptionError } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  definePass,
  formatPipeline,
  hasChanged,
  parsePipeline,
  runPipeline,
  type Pass,
  type PipelineEvent,
  type Print,
  type Rewrite,
} from '../src/index.ts';

/** A chain of `count` rectifiers. */
function rectifiers(count: number): Graph {
  const b = graphBuilder('chain');
  let value = b.input('x', ['N', 2]);
  for (let index = 0; index < count; index++) value = b.node('relu', [value], {}, `r${index}`);
  return b.build([value]);
}
const options = z.strictObject({});
const common = { summary: '', effect: 'exact', options } as const;

/** Drops the first of two rectifiers; neighbours wait for the next sweep. */
const dropOne = definePass({
  ...common,
  name: 'drop',
  statistics: { dropped: 'rectifiers' },
  rules: {
    relu: (node, graph, _options, context) => {
      const next = graph.nodes.find((other) => other.inputs[0] === node.outputs[0]);
      if (next?.op !== 'relu') return undefined;
      context.count('dropped');
      return { remove: [node.name, next.name], add: [{ ...next, inputs: node.inputs }] };
    },
  },
});

/** Turns rectifiers into clips, one after the other, from the input on. */
const clip = definePass({
  ...common,
  name: 'clip',
  statistics: { clipped: 'rectifiers' },
  run: (graph, _options, context) => {
    let current = graph;
    for (const node of graph.nodes) {
      if (node.op !== 'relu') continue;
      context.count('clipped');
      const { name, inputs, outputs } = node;
      const added = makeNode('clip', name, inputs, { min: 0 }, { outputs });
      current = context.rewrite(current, { remove: [name], add: [added] });
    }
    return current;
  },
});

/** Shortens the chain by one rectifier, without telling. */
const shorten = definePass({
  ...common,
  name: 'shorten',
  run: (graph) => {
    const [first, second, ...rest] = graph.nodes;
    if (!first || !second) return { ...graph };
    return { ...graph, nodes: [{ ...second, inputs: first.inputs }, ...rest] };
  },
});
const passes: readonly Pass[] = [dropOne, clip, shorten];
const read = (text: string) => parsePipeline(text, passes);
const names = ({ nodes }: Graph): string[] => nodes.map((node: Node) => `${node.op} ${node.name}`);

describe('repeat', () => {
  test('ends when nothing changes, and reports each round', async () => {
    const { graph, passes: reports } = await runPipeline(
      rectifiers(4),
      read('repeat(clean(shorten))'),
    );
    expect(names(graph)).toEqual(['relu r3']);
    expect(reports.map(({ groups, rewrites }) => [groups, rewrites])).toEqual([
      [['repeat 1', 'clean'], 1],
      [['repeat 2', 'clean'], 1],
      [['repeat 3', 'clean'], 1],
      [['repeat 4', 'clean'], 0],
    ]);
  });

  test('ends after max rounds', async () => {
    const { graph } = await runPipeline(rectifiers(9), read('repeat{max=2}(shorten, shorten)'));
    expect(graph.nodes).toHaveLength(5);
  });

  test('numbers passes by their place, and runs by their order', async () => {
    const events: PipelineEvent[] = [];
    await runPipeline(rectifiers(2), read('repeat(drop, (shorten)), clip'), {
      onEvent: (event) => events.push(event),
    });
    const starts = events.filter(({ kind }) => kind === 'pass-start');
    expect(starts.map(({ index, count, run, pass }) => [index, count, run, pass])).toEqual([
      [0, 3, 0, 'drop'],
      [1, 3, 1, 'shorten'],
      [0, 3, 2, 'drop'],
      [1, 3, 3, 'shorten'],
      [2, 3, 4, 'clip'],
    ]);
  });
});

describe('stopAfter', () => {
  const text = 'repeat{max=2}(drop, shorten), clip';
  const graph = rectifiers(13);

  async function rewritesUpTo(stopAfter?: number) {
    const rewrites: Rewrite[] = [];
    const result = await runPipeline(graph, read(`drop, clip, ${text}`), {
      stopAfter,
      onEvent: (event) => void (event.kind === 'rewrite' && rewrites.push(event)),
    });
    return { ...result, rewrites };
  }

  test('every prefix of a run is a run that stops there, and one rewrite apart from the next', async () => {
    const whole = await rewritesUpTo();
    const total = whole.rewrites.length;
    expect(total).toBeGreaterThan(12);
    expect(whole.rewrites.map(({ number }) => number)).toEqual(
      Array.from({ length: total }, (_, index) => index + 1),
    );
    let previous = graph;
    for (let stopAfter = 0; stopAfter <= total + 1; stopAfter++) {
      const part = await rewritesUpTo(stopAfter);
      expect(part.rewrites.map(({ node }) => node)).toEqual(
        whole.rewrites.slice(0, stopAfter).map(({ node }) => node),
      );
      expect(hasChanged(previous, part.graph)).toBe(stopAfter > 0 && stopAfter <= total);
      previous = part.graph;
    }
    expect(printGraph(previous)).toBe(printGraph(whole.graph));
  });

  test('stops inside a pass of the whole graph, with what it counted until then', async () => {
    const { graph: result, passes: reports } = await runPipeline(
      rectifiers(5),
      read('clip, drop'),
      {
        stopAfter: 2,
      },
    );
    expect(names(result)).toEqual(['clip r0', 'clip r1', 'relu r2', 'relu r3', 'relu r4']);
    expect(reports).toMatchObject([{ name: 'clip', rewrites: 2, statistics: { clipped: 2 } }]);
  });

  test('0 runs nothing, and less is refused', async () => {
    expect(await runPipeline(graph, read('drop'), { stopAfter: 0 })).toEqual({ graph, passes: [] });
    await expect(runPipeline(graph, read('drop'), { stopAfter: -1 })).rejects.toThrow(OptionError);
  });
});

describe('printAfter', () => {
  const prints = async (which: string, text: string): Promise<Print[]> => {
    const all: Print[] = [];
    await runPipeline(rectifiers(2), read(text), {
      printAfter: { which, write: (print) => all.push(print) },
    });
    return all;
  };

  test('changed shows nodes that went and came', async () => {
    const text = (await prints('changed', 'up(clip), clip')).map((print) => print.text);
    expect(text).toEqual([
      '# changed by up/clip\n- %r0 = relu(%x)  # float32[N,2]\n- %r1 = relu(%r0)  # float32[N,2]\n' +
        '+ %r0 = clip(%x) {min=0}  # float32[N,2]\n+ %r1 = clip(%r0) {min=0}  # float32[N,2]\n',
    ]);
  });

  test('all and names show graphs', async () => {
    expect((await prints('all', 'clip, clip')).map(({ run }) => run)).toEqual([0, 1]);
    const [print, ...others] = await prints('shorten', 'clip, shorten');
    expect(others).toEqual([]);
    expect(print?.text).toMatch(/^# after shorten\ngraph "chain" \{\n[^]* = clip\(%x\)/);
  });

  test('a pass that the pipeline does not have is an error', async () => {
    await expect(prints('clp', 'clip')).rejects.toThrow(/did you mean 'clip'/);
  });

  test('constants of other values are changes', () => {
    const make = (value: number): Graph => {
      const b = graphBuilder('g');
      const w = b.constant('w', float32([2], [value, 1]));
      return b.build([b.node('add', [b.input('x', [2]), w], {}, 'sum')]);
    };
    expect(hasChanged(make(1), make(1))).toBe(false);
    expect(hasChanged(make(1), make(2))).toBe(true);
  });
});

test('a failure tells what is needed to run it again', async () => {
  const drawn: number[] = [];
  const failing = definePass({
    ...common,
    name: 'failing',
    run: (graph, _options, { random }) => {
      drawn.push(random.uniform());
      if (graph.nodes.length === 3) throw new InvariantError(`drew ${drawn.at(-1)}`);
      return graph;
    },
  });
  const all = [...passes, failing];
  const events: PipelineEvent[] = [];
  const text = 'repeat{max=5}(shorten, failing, clip), drop';
  const whole = runPipeline(rectifiers(5), parsePipeline(text, all), {
    seed: 3,
    onEvent: (event) => events.push(event),
  });
  await expect(whole).rejects.toThrow("pass 'failing' (step 2): drew");
  const failure = events.at(-1);
  if (failure?.kind !== 'pass-failed') throw new Error('no failure was told');
  expect(failure.ran).toEqual({ shorten: 2, failing: 1, clip: 1 });
  expect(formatPipeline(failure.remaining)).toBe(
    'failing, clip, repeat{max=3}(shorten, failing, clip), drop',
  );
  const again = runPipeline(failure.graph, failure.remaining, { seed: 3, ran: failure.ran });
  await expect(again).rejects.toThrow(`drew ${drawn[1]}`);
  expect(drawn).toEqual([drawn[0], drawn[1], drawn[1]]);
});
