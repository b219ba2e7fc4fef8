/** What the tests share: networks in few lines, and the promise that every pass of this package makes. */
import { graphBuilder, interpret, verify, type Graph, type GraphBuilder } from '@decouple/ir';
import { pipeline, runPipeline, step, type Pass, type PassReport } from '@decouple/pass-manager';
import { createRandom, difference, float32, normals, sizeOf, type Tensor } from '@decouple/tensor';
import { expect } from 'vitest';

/** A builder that makes its own random constants. */
export interface Net extends GraphBuilder {
  /** A constant of normal numbers · scale + offset. */
  random(shape: readonly number[], scale?: number, offset?: number): string;
  /** A convolution of random weights [outChannels, perGroup, rows, columns] and, unless `bias` is false, bias. */
  conv(
    x: string,
    weight: readonly [number, number, number, number],
    attrs?: Parameters<typeof convAttrs>[0],
    more?: { readonly bias?: boolean; readonly name?: string },
  ): string;
  /** A batch normalization of random parameters. */
  norm(x: string, channels: number): string;
}

const convAttrs = (attrs: {
  stride?: [number, number];
  pads?: [number, number, number, number];
  dilation?: [number, number];
  groups?: number;
  activation?: { kind: 'relu' };
}) => attrs;

export function net(): Net {
  const builder = graphBuilder('net');
  const random = createRandom(7);
  let count = 0;
  const constant = (shape: readonly number[], scale = 1, offset = 0): string => {
    const data = normals(random, sizeOf(shape), scale).map((value) => value + offset);
    return builder.constant(`c${count++}`, float32(shape, data));
  };
  return {
    ...builder,
    random: constant,
    conv(x, weight, attrs = {}, { bias = true, name } = {}) {
      const inputs = [x, constant(weight, 0.5), ...(bias ? [constant([weight[0]])] : [])];
      return builder.node('conv2d', inputs, convAttrs(attrs), name);
    },
    norm(x, channels) {
      const variance = builder.constant(
        `c${count++}`,
        float32(
          [channels],
          normals(random, channels).map((value) => 0.5 + value * value),
        ),
      );
      const [scale, bias] = [constant([channels], 0.5, 1), constant([channels])];
      const inputs = [x, scale, bias, constant([channels]), variance];
      return builder.node('batch-normalization', inputs);
    },
  };
}

/** Normal inputs; symbols become `size`. */
export function inputsFor(graph: Graph, size: number): Record<string, Tensor> {
  const random = createRandom(11);
  return Object.fromEntries(
    graph.inputs.map(({ name, type }) => {
      const shape = type.shape.map((dim) => (typeof dim === 'number' ? dim : size));
      return [name, float32(shape, normals(random, sizeOf(shape)))];
    }),
  );
}

/** Same outputs up to `tolerance`, relative to the largest of each. */
export function expectSame(before: Graph, after: Graph, tolerance = 1e-5, batch = 2): void {
  const inputs = inputsFor(before, batch);
  const [expected, actual] = [interpret(before, inputs), interpret(after, inputs)];
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, value] of Object.entries(expected))
    expect(difference(actual[name] as Tensor, value).maxRel, name).toBeLessThanOrEqual(tolerance);
}

/** Runs exact passes; checks that they keep the function and that a second run finds nothing to do. */
export async function run(
  graph: Graph,
  ...passes: Pass[]
): Promise<{ graph: Graph; report: PassReport; ops: string[]; skips: Record<string, number> }> {
  const steps = pipeline(passes.map((pass) => step(pass)));
  const first = await runPipeline(graph, steps);
  expect(verify(first.graph)).toEqual([]);
  expectSame(graph, first.graph);
  const again = await runPipeline(first.graph, steps);
  expect(again.passes.map((report) => report.rewrites)).toEqual(passes.map(() => 0));
  const report = first.passes.at(-1) as PassReport;
  return {
    graph: first.graph,
    report,
    ops: first.graph.nodes.map((node) => node.op),
    skips: Object.fromEntries(report.skipped.map(({ reason, count }) => [reason, count])),
  };
}
