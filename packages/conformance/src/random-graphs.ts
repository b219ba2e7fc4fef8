/**
 * Random small convolutional networks as fast-check values. A network is a list of genes: each appends a layer to
 * the last value, or is skipped where it doesn't fit. Dropping genes leaves a valid network, so a failure shrinks
 * to the few layers that matter.
 */
import fc from 'fast-check';
import { graphBuilder, typeOf, type Graph, type GraphBuilder } from '@decouple/ir';
import { createRandom, float32, normals, sizeOf, type Random, type Tensor } from '@decouple/tensor';
import type { ConformanceCase } from './cases.ts';

const layerKinds = [
  'conv',
  'depthwise',
  'terms',
  'grouped',
  'max-pool',
  'average-pool',
  'batch-normalization',
  'activation',
  'add',
  'concat',
  'residual',
  'gate',
  'slice',
  'pad',
] as const;

interface Gene {
  readonly kind: (typeof layerKinds)[number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  /** Free choices: channels, which earlier value, which activation. */
  readonly pick: readonly [number, number];
}

const small = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });

const gene: fc.Arbitrary<Gene> = fc.record({
  kind: fc.constantFrom(...layerKinds),
  kernel: fc.tuple(small(4), small(4)),
  stride: fc.tuple(small(2), small(2)),
  dilation: fc.tuple(small(2), small(2)),
  pads: fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
  pick: fc.tuple(fc.nat(40), fc.nat(40)),
});

/** What grows while genes are read: the builder, and the 4-D values made so far with their shapes. */
interface Growth {
  readonly builder: GraphBuilder;
  readonly random: Random;
  readonly made: { readonly name: string; readonly shape: Shape4 }[];
  count: number;
}
type Shape4 = readonly [number, number, number, number];

function constant(growth: Growth, shape: readonly number[], scale: number, offset = 0): string {
  const data = normals(growth.random, sizeOf(shape), scale).map((value) => value + offset);
  return growth.builder.constant(`c${growth.count++}`, float32(shape, data));
}

const activations = [
  null,
  { kind: 'relu' },
  { kind: 'clip', min: 0, max: 6 },
  { kind: 'leaky-relu', alpha: 0.1 },
] as const;

/** Adds a convolution of `groups` groups, `outPerGroup` outputs each. */
function addConv(
  growth: Growth,
  x: string,
  shape: Shape4,
  gene: Gene,
  groups: number,
  outPerGroup: number,
): string {
  const perGroup = shape[1] / groups;
  const fanIn = perGroup * gene.kernel[0] * gene.kernel[1];
  const outChannels = groups * outPerGroup;
  const weight = constant(growth, [outChannels, perGroup, ...gene.kernel], 1 / Math.sqrt(fanIn));
  const inputs = gene.pick[1] % 2 ? [x, weight, constant(growth, [outChannels], 0.1)] : [x, weight];
  const { stride, pads, dilation } = gene;
  return growth.builder.node('conv2d', inputs, {
    stride: [...stride],
    pads: [...pads],
    dilation: [...dilation],
    groups,
    activation: activations[gene.pick[1] % activations.length] ?? null,
  });
}

function addWindow(
  growth: Growth,
  x: string,
  gene: Gene,
  kind: 'max-pool' | 'average-pool',
): string {
  const pads = gene.pads.map((pad, side) => Math.min(pad, (gene.kernel[side % 2] as number) - 1));
  const window = {
    kernel: [...gene.kernel] as [number, number],
    stride: [...gene.stride] as [number, number],
    pads: pads as [number, number, number, number],
    ceil: gene.pick[0] % 2 === 1,
  };
  return kind === 'max-pool'
    ? growth.builder.node('max-pool', [x], { ...window, dilation: [1, 1] })
    : growth.builder.node('average-pool', [x], {
        ...window,
        countIncludePad: gene.pick[1] % 2 === 1,
      });
}

function addElementwise(growth: Growth, x: string, choice: number): string {
  const { builder } = growth;
  switch (choice % 6) {
    case 0:
      return builder.node('relu', [x]);
    case 1:
      return builder.node('sigmoid', [x]);
    case 2:
      return builder.node('tanh', [x]);
    case 3:
      return builder.node('hard-swish', [x]);
    case 4:
      return builder.node('leaky-relu', [x], { alpha: 0.2 });
    default:
      return builder.node('clip', [x], { min: -1, max: 1 });
  }
}

/** Joins the last value with an earlier one of equal size: a residual sum, or a concatenation of channels. */
function addJoin(growth: Growth, x: string, shape: Shape4, gene: Gene): string | undefined {
  const fits = growth.made.filter(
    (value) =>
      value.shape[2] === shape[2] &&
      value.shape[3] === shape[3] &&
      (gene.kind === 'concat' || value.shape[1] === shape[1]),
  );
  const other = fits[gene.pick[0] % Math.max(1, fits.length)];
  if (!other || shape[1] + other.shape[1] > 64) return undefined;
  return gene.kind === 'concat'
    ? growth.builder.node('concat', [other.name, x], { axis: 1 })
    : growth.builder.node('add', [x, other.name], {
        activation: activations[gene.pick[1] % activations.length] ?? null,
      });
}

/** A convolution that keeps rows and columns, plus an earlier value of that size, then an activation. */
function addResidual(growth: Growth, x: string, shape: Shape4, gene: Gene): string | undefined {
  const fits = growth.made.filter(
    (value) => value.shape[2] === shape[2] && value.shape[3] === shape[3],
  );
  const other = fits[gene.pick[0] % fits.length];
  if (!other) return undefined;
  const kernel = gene.kernel.map((size) => size | 1) as [number, number];
  const [rows, columns] = [kernel[0] >> 1, kernel[1] >> 1];
  const fanIn = shape[1] * kernel[0] * kernel[1];
  const weight = constant(growth, [other.shape[1], shape[1], ...kernel], 1 / Math.sqrt(fanIn));
  return growth.builder.node('conv2d', [x, weight, '', other.name], {
    pads: [rows, columns, rows, columns],
    activation: activations[gene.pick[1] % activations.length] ?? null,
  });
}

/** Squeeze and excite: x · sigmoid(mean(x)). */
function addGate(growth: Growth, x: string): string {
  const mean = growth.builder.node('global-average-pool', [x]);
  return growth.builder.node('mul', [x, growth.builder.node('sigmoid', [mean])]);
}

function addNormalization(growth: Growth, x: string, channels: number): string {
  const parameter = (scale: number, offset: number): string =>
    constant(growth, [channels], scale, offset);
  const variance = growth.builder.constant(
    `c${growth.count++}`,
    float32(
      [channels],
      normals(growth.random, channels).map((value) => 0.5 + value * value),
    ),
  );
  const inputs = [x, parameter(0.1, 1), parameter(0.1, 0), parameter(0.1, 0), variance];
  return growth.builder.node('batch-normalization', inputs);
}

function addLayer(growth: Growth, x: string, shape: Shape4, gene: Gene): string | undefined {
  const [channels, rows, columns] = [shape[1], shape[2], shape[3]];
  const [first, second] = gene.pick;
  switch (gene.kind) {
    case 'conv':
      return addConv(growth, x, shape, gene, 1, 1 + first);
    case 'depthwise':
      return addConv(
        growth,
        x,
        shape,
        gene,
        channels,
        (1 + (first % Math.max(1, Math.min(5, 80 / channels)))) | 0,
      );
    case 'terms': {
      const terms = [2, 3, 4, 5].find((count) => channels % count === 0);
      return terms ? addConv(growth, x, shape, gene, channels / terms, 1) : undefined;
    }
    case 'grouped': {
      const groups = [2, 3, 4].find((count) => channels % count === 0);
      if (!groups) return undefined;
      return addConv(growth, x, shape, gene, groups, 1 + (first % 20));
    }
    case 'max-pool':
    case 'average-pool':
      return addWindow(growth, x, gene, gene.kind);
    case 'batch-normalization':
      return addNormalization(growth, x, channels);
    case 'activation':
      return addElementwise(growth, x, first);
    case 'add':
    case 'concat':
      return addJoin(growth, x, shape, gene);
    case 'residual':
      return addResidual(growth, x, shape, gene);
    case 'gate':
      return addGate(growth, x);
    case 'slice':
      if (channels < 2) return undefined;
      return growth.builder.node('slice', [x], {
        axes: [1],
        starts: [first % (channels >> 1)],
        ends: [channels - (second % (channels >> 1))],
        steps: [1],
      });
    case 'pad':
      if (rows * columns > 400) return undefined;
      return growth.builder.node('pad', [x], {
        pads: [0, 0, first % 2, second % 2, 0, 0, 1, first % 3],
        value: 0,
      });
  }
}

/** The shape after appending one layer, or `undefined` when it does not fit. */
function shapeAfter(growth: Growth, value: string): Shape4 | undefined {
  const graph = growth.builder.build([value]);
  const shape = typeOf(graph, value).shape as unknown as Shape4;
  return shape[2] >= 1 && shape[3] >= 1 && shape[1] <= 128 ? shape : undefined;
}

/** Does the window of a gene fit into a map of this size? */
const windowFits = (gene: Gene, shape: Shape4): boolean =>
  [0, 1].every((axis) => {
    const span = (gene.kernel[axis] as number) * (gene.dilation[axis] as number);
    return span <= (shape[2 + axis] as number);
  });

function growGraph(genes: readonly Gene[], shape: Shape4, seed: number): ConformanceCase {
  const builder = graphBuilder('random');
  const growth: Growth = { builder, random: createRandom(seed), made: [], count: 0 };
  let last = { name: builder.input('x', shape), shape };
  growth.made.push(last);
  for (const gene of genes) {
    const windowed = !['activation', 'add', 'concat', 'residual', 'gate', 'slice', 'pad'].includes(
      gene.kind,
    );
    if (windowed && !windowFits(gene, last.shape)) continue;
    const name = addLayer(growth, last.name, last.shape, gene);
    const after = name ? shapeAfter(growth, name) : undefined;
    if (!name || !after) continue;
    last = { name, shape: after };
    growth.made.push(last);
  }
  const head = addHead(growth, last.name, last.shape, seed);
  const outputs = [...new Set([head, last.name])].filter((name) => name !== 'x');
  const graph: Graph = builder.build(outputs);
  const data: Tensor = float32(shape, normals(createRandom(seed).fork('x'), sizeOf(shape)));
  return { name: `random ${seed}`, graph, inputs: { x: data } };
}

/** A classifier: flatten or global mean, a matrix product, softmax. */
function addHead(growth: Growth, x: string, shape: Shape4, seed: number): string {
  const { builder } = growth;
  const pooled = seed % 2 ? x : builder.node('global-average-pool', [x]);
  const features = seed % 2 ? shape[1] * shape[2] * shape[3] : shape[1];
  const flat = builder.node('flatten', [pooled], { axis: 1 });
  const weight = constant(growth, [7, features], 1 / Math.sqrt(features));
  return builder.node('softmax', [builder.node('linear', [flat, weight])], { axis: 1 });
}

/** Random small convolutional networks, with inputs; weights and data come from the seed in the case. */
export const randomGraphs: fc.Arbitrary<ConformanceCase> = fc
  .record({
    genes: fc.array(gene, { minLength: 1, maxLength: 8 }),
    shape: fc.tuple(
      small(2),
      small(20),
      fc.integer({ min: 4, max: 12 }),
      fc.integer({ min: 4, max: 12 }),
    ),
    seed: fc.nat(1_000_000),
  })
  .map(({ genes, shape, seed }) => growGraph(genes, shape, seed));
