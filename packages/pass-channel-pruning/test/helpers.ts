import {
  applyPatch,
  constantInput,
  graphBuilder,
  interpret,
  isOp,
  makeNode,
  verify,
  type AttrsInput,
  type Graph,
} from '@decouple/ir';
import {
  parsePipeline,
  runPipeline,
  type PassReport,
  type RunOptions,
} from '@decouple/pass-manager';
import { channelPruningPasses } from '@decouple/pass-channel-pruning';
import {
  createRandom,
  difference,
  float32,
  int64,
  normals,
  sizeOf,
  type Random,
  type Tensor,
} from '@decouple/tensor';
import fc from 'fast-check';
import { expect } from 'vitest';
import { takeAlong } from '../src/shrink.ts';

export const randomTensor = (
  shape: readonly number[],
  seed: number,
  scale = 1,
): Tensor<'float32'> => float32(shape, normals(createRandom(seed), sizeOf(shape), scale));

/** Normal inputs; symbols become `size`. */
export function inputsFor(graph: Graph, size = 2): Record<string, Tensor> {
  return Object.fromEntries(
    graph.inputs.map(({ name, type }, index) => [
      name,
      randomTensor(
        type.shape.map((dim) => (typeof dim === 'number' ? dim : size)),
        11 + index,
      ),
    ]),
  );
}

export function expectSame(
  before: Graph,
  after: Graph,
  inputs: Readonly<Record<string, Tensor>> = inputsFor(before),
): void {
  const [expected, actual] = [interpret(before, inputs), interpret(after, inputs)];
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, value] of Object.entries(expected))
    expect(difference(actual[name] as Tensor, value).maxRel, name).toBeLessThanOrEqual(1e-6);
}

export async function run(
  graph: Graph,
  text: string,
  options: RunOptions = {},
): Promise<{ graph: Graph; report: PassReport; reasons: string[] }> {
  const result = await runPipeline(graph, parsePipeline(text, channelPruningPasses), options);
  expect(verify(result.graph)).toEqual([]);
  const report = result.passes.at(-1) as PassReport;
  return { graph: result.graph, report, reasons: report.skipped.map(({ reason }) => reason) };
}

/** Builds networks of named convolutions with random weights. */
export function net(seed = 3) {
  const b = graphBuilder('net');
  let count = 0;
  const constant = (name: string, shape: readonly number[], scale: number): string =>
    b.constant(name, randomTensor(shape, seed + count++, scale));
  return {
    ...b,
    conv(
      name: string,
      input: string,
      [from, to, kernel]: readonly [number, number, number],
      attrs: AttrsInput<'conv2d'> = {},
    ): string {
      const perGroup = from / (attrs.groups ?? 1);
      const scale = Math.sqrt(2 / (perGroup * kernel * kernel));
      const weight = constant(`${name}.w`, [to, perGroup, kernel, kernel], scale);
      const pad = (kernel - 1) / 2;
      const bias = constant(`${name}.b`, [to], 0.1);
      return b.node(
        'conv2d',
        [input, weight, bias],
        { pads: [pad, pad, pad, pad], ...attrs },
        name,
      );
    },
    relu: (input: string): string => b.node('relu', [input]),
    linear: (name: string, input: string, from: number, to: number): string =>
      b.node('linear', [input, constant(`${name}.w`, [to, from], 1 / Math.sqrt(from))], {}, name),
    choose: (name: string, input: string, channels: readonly number[]): string =>
      b.node('gather', [input, b.constant(`${name}.i`, int64([...channels]))], { axis: 1 }, name),
    norm(name: string, input: string, channels: number): string {
      const own = (role: string, offset: number): string => {
        const value = randomTensor([channels], seed + count++, 0.2);
        const data = value.data.map((element) => Math.abs(element) + offset);
        return b.constant(`${name}.${role}`, float32([channels], data));
      };
      const inputs = [input, own('s', 0.5), own('b', 0), own('m', 0), own('v', 0.5)];
      return b.node('batch-normalization', inputs, {}, name);
    },
  };
}

/** Lets some convolutions and linear layers read only some of their inputs, through a gather or zero weights. */
export function plantChoices(graph: Graph, random: Random): Graph {
  let result = graph;
  for (const node of graph.nodes) {
    if (!(isOp(node, 'conv2d') && node.attrs.groups === 1) && !isOp(node, 'linear')) continue;
    const weight = constantInput(graph, node, 1);
    const channels = weight?.shape[1] ?? 0;
    const kept = Array.from({ length: channels }, (_, channel) => channel).filter(
      () => random.below(3) > 0,
    );
    const way = random.below(3);
    if (!weight || !kept.length || way === 2) continue;
    const name = `${node.name}/planted`;
    if (way === 0) {
      const indices = [`${name}.i`, int64(kept)] as const;
      const sliced = [`${name}.w`, takeAlong(weight, 1, kept)] as const;
      const gather = makeNode('gather', name, [node.inputs[0] as string, indices[0]], { axis: 1 });
      const inputs = [name, sliced[0], ...node.inputs.slice(2)];
      result = applyPatch(result, {
        remove: [node.name],
        add: [gather, { ...node, inputs }],
        constants: [indices, sliced],
      });
    } else {
      const step = sizeOf(weight.shape.slice(2));
      const data = (weight.data as Float32Array).map((value, at) =>
        kept.includes(Math.floor(at / step) % channels) ? value : 0,
      );
      const inputs = [node.inputs[0] as string, `${name}.w`, ...node.inputs.slice(2)];
      result = applyPatch(result, {
        remove: [node.name],
        add: [{ ...node, inputs }],
        constants: [[`${name}.w`, float32(weight.shape, data)]],
      });
    }
  }
  return result;
}

/** Random networks of convolutions, branches and joins, with two heads; choices are planted into them. */
export const randomNetworks: fc.Arbitrary<Graph> = fc
  .record({
    genes: fc.array(fc.tuple(fc.nat(8), fc.nat(30)), { minLength: 2, maxLength: 10 }),
    seed: fc.nat(1000),
  })
  .map(({ genes, seed }) => {
    const b = net(seed);
    const made = [{ value: b.input('x', ['N', 4, 5, 5]), channels: 4 }];
    genes.forEach(([kind, pick], index) => {
      const last = made.at(-1) as (typeof made)[0];
      const other = made[pick % made.length] as (typeof made)[0];
      const add = (value: string, channels = last.channels) => made.push({ value, channels });
      const name = `n${index}`;
      const { value, channels } = last;
      if (kind < 2) add(b.relu(b.conv(name, value, [channels, 3 + pick, 3])), 3 + pick);
      else if (kind === 2) add(b.conv(name, value, [channels, channels, 3], { groups: channels }));
      else if (kind === 3) add(b.norm(name, value, channels));
      else if (kind === 4)
        add(b.node('average-pool', [value], { kernel: [3, 3], pads: [1, 1, 1, 1] }));
      else if (kind === 5 && channels + other.channels < 60)
        add(b.node('concat', [value, other.value], { axis: 1 }), channels + other.channels);
      else if (kind === 6) {
        const same = b.conv(name, other.value, [other.channels, channels, 1]);
        add(b.node('add', [value, same], { activation: { kind: 'relu' } }));
      } else if (kind === 7) {
        const mean = b.node('global-average-pool', [value]);
        const gate = b.node('sigmoid', [b.conv(name, mean, [channels, channels, 1])]);
        add(b.node('mul', [value, gate]));
      } else if (kind === 8) {
        const inner = b.relu(b.conv(`${name}.1`, value, [channels, 5 + pick, 1]));
        add(b.node('add', [b.conv(`${name}.2`, inner, [5 + pick, channels, 3]), value]));
      }
    });
    const [last, other] = [made.at(-1), made[made.length >> 1]] as [
      (typeof made)[0],
      (typeof made)[0],
    ];
    const flat = b.node('flatten', [last.value], {});
    const pooled = b.node('flatten', [b.node('global-average-pool', [other.value])], {});
    return plantChoices(
      b.build([
        b.linear('scores', flat, last.channels * 25, 5),
        b.linear('boxes', pooled, other.channels, 4),
      ]),
      createRandom(seed),
    );
  });
