/**
 * Measures what this machine takes for the units of work: runs small networks of many kinds of layers, each kernel in
 * turn, and fits rates to the times of their steps. Layers run in networks, not alone, since what a layer finds in the
 * caches is part of its time.
 */
import { addWork, fitRates, type Rates, type Sample } from '@decouple/cost-model';
import { graphBuilder, type AttrsInput, type Graph, type GraphBuilder } from '@decouple/ir';
import { float32, nextTurn, sizeOf, type Tensor } from '@decouple/tensor';
import { commonRates } from './common-rates.ts';
import { CpuExecutable } from './executable.ts';
import type { ConvKernel } from './kernels/conv-candidates.ts';
import { planProgram } from './plan.ts';
import { runWork, workOf } from './work.ts';

export interface ProbeOptions {
  readonly fma: boolean;
  /** Each network runs for at least so long, over all rounds. Default 250 ms. */
  readonly milliseconds?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number, what: string) => void) | undefined;
}

/** A network to run, and the kernels to run it by: all that apply, one after the other. */
interface Probe {
  readonly name: string;
  readonly graph: Graph;
  readonly kernels: readonly (ConvKernel | undefined)[];
}

const zeros = (...shape: number[]): Tensor<'float32'> =>
  float32(shape, new Float32Array(sizeOf(shape)));

interface Shape {
  readonly out: number;
  readonly kernel?: readonly [number, number];
  readonly stride?: number;
  readonly groups?: number;
  readonly dilation?: number;
}

/** Layers one after the other. */
class Chain {
  private readonly b: GraphBuilder;
  private channels: number;
  private value: string;
  private layers = 0;

  constructor(name: string, channels: number, size: number) {
    this.b = graphBuilder(name);
    this.channels = channels;
    this.value = this.b.input('x', [1, channels, size, size]);
  }

  conv({ out, kernel = [3, 3], stride = 1, groups = 1, dilation = 1 }: Shape): this {
    const name = `conv${this.layers++}`;
    const weight = this.b.constant(`${name}.w`, zeros(out, this.channels / groups, ...kernel));
    const bias = this.b.constant(`${name}.b`, zeros(out));
    const [top, left] = kernel.map((size) => (dilation * (size - 1)) >> 1) as [number, number];
    const attrs: AttrsInput<'conv2d'> = {
      pads: [top, left, top, left],
      stride: [stride, stride],
      dilation: [dilation, dilation],
      groups,
      activation: { kind: 'relu' },
    };
    this.value = this.b.node('conv2d', [this.value, weight, bias], attrs, name);
    this.channels = out;
    return this;
  }

  convs(...outs: readonly number[]): this {
    for (const out of outs) this.conv({ out });
    return this;
  }

  pool(size = 2, stride = size): this {
    const pad = (size - 1) >> 1;
    const kernel: [number, number] = [size, size];
    this.value = this.b.node('max-pool', [this.value], {
      kernel,
      stride: [stride, stride],
      pads: [pad, pad, pad, pad],
    });
    return this;
  }

  /** Ops without weights, each on what is there. */
  others(): this {
    const { b } = this;
    const from = this.value;
    const sigmoid = b.node('sigmoid', [from]);
    const sum = b.node('mul', [b.node('add', [from, sigmoid]), from]);
    const joined = b.node('concat', [sum, sigmoid], { axis: 1 });
    const [starts, ends] = [[1], [1 + this.channels]];
    this.value = b.node('slice', [joined], { starts, ends, axes: [1], steps: [1] });
    return this;
  }

  classifier(...outs: readonly number[]): Graph {
    const { b } = this;
    const mean = b.node('global-average-pool', [this.value]);
    let value = b.node('flatten', [mean], { axis: 1 });
    let inputs = this.channels;
    for (const out of outs) {
      value = b.node('linear', [value, b.constant(`fc${out}.w`, zeros(out, inputs))]);
      inputs = out;
    }
    return b.build([b.node('softmax', [value], { axis: 1 })]);
  }
}

const dense: readonly ConvKernel[] = ['gemm', 'winograd-f2', 'winograd-f4'];

/** Networks that between them have every kind of layer, from small to large. */
const probes: readonly (() => Probe)[] = [
  () => ({
    name: 'small maps',
    graph: new Chain('small', 3, 32)
      // Networks repeat layers, whose code then stays in the caches.
      .convs(16, 16, 16, 16, 32, 12)
      .pool()
      .convs(64, 40, 64, 64, 64)
      .pool()
      .convs(128, 128, 128)
      .pool()
      .convs(256, 40, 256)
      .pool()
      .convs(256, 256)
      .classifier(10),
    kernels: dense,
  }),
  () => ({
    name: 'large maps',
    graph: new Chain('large', 3, 224)
      .convs(64)
      .pool(3, 2)
      .convs(64, 64)
      .pool()
      .convs(128, 128)
      .pool()
      .convs(256, 256)
      .pool()
      .convs(512, 512)
      .pool()
      .convs(512)
      .classifier(4096, 1000),
    kernels: dense,
  }),
  () => ({
    name: 'many weights',
    graph: new Chain('many-weights', 64, 8)
      .convs(256, 256)
      .pool()
      .convs(384, 256)
      .pool()
      .convs(384, 256, 320)
      .classifier(1000),
    // Maps of 2² and 4² are no larger than F(4×4)'s tiles.
    kernels: ['gemm', 'winograd-f2'],
  }),
  () => ({
    name: 'separable',
    graph: new Chain('separable', 3, 112)
      .conv({ out: 32, stride: 2 })
      .conv({ out: 32, groups: 32 })
      .conv({ out: 64, kernel: [1, 1] })
      .conv({ out: 64, groups: 64, stride: 2 })
      .conv({ out: 128, kernel: [1, 1] })
      .conv({ out: 128, groups: 128 })
      .conv({ out: 256, groups: 128 })
      .conv({ out: 128, kernel: [1, 1] })
      .conv({ out: 384, groups: 128, stride: 2 })
      .conv({ out: 512, kernel: [1, 1] })
      .conv({ out: 512, groups: 512 })
      .conv({ out: 256, groups: 256 })
      .conv({ out: 768, kernel: [1, 1] })
      .conv({ out: 256, groups: 256 })
      .conv({ out: 1024, groups: 256, stride: 2 })
      .conv({ out: 1024, kernel: [1, 1] })
      .conv({ out: 1024, groups: 1024 })
      .conv({ out: 256, groups: 256 })
      .conv({ out: 36, kernel: [1, 1] })
      .classifier(10),
    kernels: ['depthwise', 'gemm'],
  }),
  () => ({
    name: 'small separable',
    graph: new Chain('small-separable', 16, 16)
      .conv({ out: 16, groups: 16 })
      .conv({ out: 48, groups: 16 })
      .conv({ out: 32, kernel: [1, 1] })
      .conv({ out: 64, groups: 32, stride: 2 })
      .conv({ out: 192, kernel: [1, 1] })
      .conv({ out: 64, groups: 64 })
      .conv({ out: 256, groups: 64 })
      .conv({ out: 64, groups: 64, stride: 2 })
      .conv({ out: 512, kernel: [1, 1] })
      .conv({ out: 256, groups: 256 })
      .conv({ out: 256, groups: 256 })
      .conv({ out: 768, groups: 256, stride: 2 })
      .conv({ out: 256, kernel: [1, 1] })
      .conv({ out: 256, groups: 256 })
      .conv({ out: 512, groups: 256 })
      .classifier(10),
    kernels: ['depthwise', 'gemm'],
  }),
  () => ({
    name: 'low rank',
    graph: new Chain('low-rank', 3, 32)
      .conv({ out: 8, kernel: [3, 1] })
      .conv({ out: 32, kernel: [1, 3] })
      .conv({ out: 20, kernel: [3, 1] })
      .conv({ out: 64, kernel: [1, 3] })
      .conv({ out: 28 })
      .conv({ out: 64, kernel: [1, 1] })
      .conv({ out: 64, kernel: [5, 5], stride: 2 })
      .conv({ out: 44, kernel: [3, 1] })
      .conv({ out: 128, kernel: [1, 3] })
      .conv({ out: 128, groups: 4 })
      .conv({ out: 60, kernel: [1, 1] })
      .conv({ out: 128, kernel: [1, 1] })
      .conv({ out: 128, stride: 2, dilation: 2 })
      .conv({ out: 92, kernel: [3, 1] })
      .conv({ out: 256, kernel: [1, 3] })
      .conv({ out: 100, kernel: [1, 1] })
      .conv({ out: 256, stride: 2 })
      .conv({ out: 512, kernel: [1, 1] })
      .others()
      .pool(3, 1)
      .classifier(1000),
    kernels: ['gemm'],
  }),
  () => ({
    name: 'other ops',
    graph: new Chain('others', 16, 56).others().pool(3, 2).others().classifier(10),
    kernels: [undefined],
  }),
];

/** What one look at the clock takes, in ms: it is part of every step's time. */
function clockMs(): number {
  const start = performance.now();
  const looks = 1000;
  for (let look = 0; look < looks; look++) performance.now();
  return (performance.now() - start) / looks;
}

const longRunMs = 2;

/** Samples of all steps of a network, and of its run as a whole. */
async function sample(
  graph: Graph,
  force: ConvKernel | undefined,
  { fma, milliseconds }: ProbeOptions & { readonly milliseconds: number },
): Promise<Sample[]> {
  const program = planProgram(graph, { fma, force });
  const executable = await CpuExecutable.instantiate(program, fma, []);
  const inputs = Object.fromEntries(
    graph.inputs.map(({ name, type }) => [name, zeros(...(type.shape as number[]))]),
  );
  try {
    await executable.run(inputs);
    let runs = 0;
    let fastest = Infinity;
    const end = performance.now() + milliseconds / 2;
    for (let last = performance.now(); last < end || runs < 4; runs++) {
      await executable.run(inputs);
      const now = performance.now();
      fastest = Math.min(fastest, now - last);
      last = now;
    }
    const steps = await executable.profile(inputs, runs);
    const clock = clockMs();
    const ns = (ms: number): number => Math.max(0, ms - clock) * 1e6;
    const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
    const known = steps.filter((step) => step.nodes.length > 0);
    const samples = known.map((step) => ({
      work: addWork(
        ...step.nodes.flatMap((name) => {
          const node = nodes.get(name);
          return node ? [workOf(graph, node, { force })] : [];
        }),
      ),
      ns: ns(step.medianMs),
    }));
    // What comes with a run drowns in the noise of long ones.
    if (fastest > longRunMs) return samples;
    const rest = fastest * 1e6 - samples.reduce((sum, each) => sum + each.ns, 0);
    return [...samples, { work: runWork(graph), ns: rest }];
  } finally {
    executable.dispose();
  }
}

/** Machines are shared: what disturbs one round is over in the other, and what fits neither counts less. */
const rounds = 2;

/** Times of all steps of all probes. Takes some seconds. */
export async function probeSamples(options: ProbeOptions): Promise<Sample[]> {
  const samples: Sample[] = [];
  const milliseconds = (options.milliseconds ?? 250) / rounds;
  // Before JavaScript's engine has optimised what takes the times, that is a part of them.
  const first = (probes[0] as () => Probe)();
  await sample(first.graph, first.kernels[0], { ...options, milliseconds: 2 * milliseconds });
  for (let round = 0; round < rounds; round++)
    for (const [index, make] of probes.entries()) {
      const { name, graph, kernels } = make();
      const done = round * probes.length + index;
      options.onProgress?.(done, rounds * probes.length, `probing ${name}`);
      for (const kernel of kernels) {
        await nextTurn(options.signal);
        samples.push(...(await sample(graph, kernel, { ...options, milliseconds })));
      }
    }
  return samples;
}

/** Rates of this machine; the common ones of what is not probed. Takes some seconds, best without other load. */
export const probeRates = async (options: ProbeOptions): Promise<Rates> => ({
  ...commonRates,
  ...fitRates(await probeSamples(options)),
});

/** Counts up when units of work change what they mean, or probes what they tell of them. */
export const probeVersion = '3';

/** Code that changes whenever the generator of kernels does, for telling whether rates still hold. */
export const probeCode = (fma: boolean): Uint8Array => {
  const graph = new Chain('code', 4, 8)
    .convs(8, 20)
    .conv({ out: 20, groups: 20 })
    .conv({ out: 16, kernel: [1, 1] })
    .pool()
    .others()
    .classifier(4);
  return planProgram(graph, { fma }).module;
};
