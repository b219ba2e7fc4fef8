/**
 * Times the kernels among which a convolution has a choice, on this machine, with its own sizes and weights: what
 * `tune` compiles by, and what a cost model is fitted to.
 */
import { fastest, knownValues, median } from '@decouple/backend';
import { extractGraph, type Graph, type Node } from '@decouple/ir';
import {
  createRandom,
  float32,
  InvariantError,
  normals,
  sizeOf,
  type Tensor,
} from '@decouple/tensor';
import { candidatesFor, networkWeights, type ChoiceOptions } from './choice.ts';
import { CpuExecutable } from './executable.ts';

import { type ConvKernel } from './kernels/conv-candidates.ts';
import { geometryOf } from './kernels/conv-shape.ts';
import { planProgram } from './plan.ts';

export interface TuneOptions extends Pick<ChoiceOptions, 'winograd' | 'rates'> {
  readonly fma: boolean;
  /** Rounds in which each kernel takes a turn. Default 3. */
  readonly rounds?: number;
  /** A turn repeats short runs until this much time has passed. Default 5 ms. */
  readonly turnMs?: number;
}

export interface KernelTime {
  readonly kernel: ConvKernel;
  readonly medianMs: number;
  /** The tenth percentile: what a quiet machine would give. */
  readonly fastMs: number;
}

/** Names of the kernels that can run a node, the expected best first; none for nodes without a choice. */
export function kernelsFor(
  graph: Graph,
  node: Node,
  options: Pick<ChoiceOptions, 'winograd' | 'rates'> = {},
): ConvKernel[] {
  const geometry = geometryOf(graph, node, knownValues(graph));
  return geometry ? candidatesFor(geometry, networkWeights(graph), options) : [];
}

function inputsFor(graph: Graph): Record<string, Tensor> {
  const random = createRandom(1);
  return Object.fromEntries(
    graph.inputs.map(({ name, type }) => {
      const shape = type.shape as readonly number[];
      return [name, float32(shape, normals(random, sizeOf(shape)))];
    }),
  );
}

/** Kernels take turns, so that a busy machine hits all of them alike. */
async function timeInTurns(
  graph: Graph,
  kernels: readonly ConvKernel[],
  { fma, rounds = 3, turnMs = 5 }: TuneOptions,
): Promise<KernelTime[]> {
  const inputs = inputsFor(graph);
  const contenders: { kernel: ConvKernel; executable: CpuExecutable; times: number[] }[] = [];
  try {
    for (const kernel of kernels) {
      const program = planProgram(graph, { fma, force: kernel });
      const executable = await CpuExecutable.instantiate(program, fma, []);
      contenders.push({ kernel, executable, times: [] });
      await executable.run(inputs);
    }
    for (let round = 0; round < rounds; round++)
      for (const { executable, times } of contenders)
        for (let start = performance.now(); performance.now() - start < turnMs;) {
          const steps = await executable.profile(inputs, 1);
          times.push(steps.find(({ nodes }) => nodes.length > 0)?.medianMs ?? Number.NaN);
        }
  } finally {
    for (const { executable } of contenders) executable.dispose();
  }
  return contenders.map(({ kernel, times }) => ({
    kernel,
    medianMs: median(times),
    fastMs: fastest(times),
  }));
}

/**
 * Times of all kernels that can run a node, fastest first; none for nodes without a choice.
 * @param graph with all symbols bound.
 */
export async function timeKernels(
  graph: Graph,
  node: Node,
  options: TuneOptions,
): Promise<KernelTime[]> {
  const kernels = kernelsFor(graph, node, options);
  if (kernels.length === 0) return [];
  const part = extractGraph(
    { ...graph, constants: knownValues(graph) },
    node.outputs,
    node.inputs.filter((input) => input !== ''),
  );
  if (part.nodes.length !== 1)
    throw new InvariantError(`'${node.name}' did not come apart: ${part.nodes.length} nodes`);
  const times = await timeInTurns(part, kernels, options);
  return times.sort((a, b) => a.fastMs - b.fastMs);
}

/** What tells nodes apart in time: all but weights and names. */
function keyOf(graph: Graph, node: Node): string {
  const types = [...node.inputs, ...node.outputs].map((value) => graph.types.get(value)?.shape);
  return JSON.stringify([types, node.attrs]);
}

/** The fastest kernel of each convolution of a graph that has a choice. Equal ones are measured once. */
export async function measureKernels(
  graph: Graph,
  options: TuneOptions,
): Promise<Map<string, ConvKernel>> {
  const best = new Map<string, ConvKernel>();
  const known = new Map<string, ConvKernel | undefined>();
  for (const node of graph.nodes) {
    if (kernelsFor(graph, node, options).length < 2) continue;
    const key = keyOf(graph, node);
    if (!known.has(key)) known.set(key, (await timeKernels(graph, node, options))[0]?.kernel);
    const kernel = known.get(key);
    if (kernel) best.set(node.name, kernel);
  }
  return best;
}
