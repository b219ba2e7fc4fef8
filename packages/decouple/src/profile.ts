/**
 * Milliseconds of a network on a backend, kernel by kernel, in terms of the layers of the imported model: what the
 * backend fuses into one kernel counts at the layer with most of its MACs.
 */
import type { Backend, ExecutableInfo, NodeTime } from '@decouple/backend';
import { costOf, type Graph } from '@decouple/ir';
import { nextTurn } from '@decouple/tensor';
import { randomInputs } from './benchmark.ts';
import { legalize } from './compile.ts';

export interface ProfileOptions {
  /** Default 1. */
  readonly threads?: number | undefined;
  /** Sizes of symbolic dimensions; unnamed ones are 1. */
  readonly bind?: Readonly<Record<string, number>> | undefined;
  /** How often the network runs. Default 10. */
  readonly runs?: number | undefined;
  /** Seed of the random inputs. Default 1. */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A kernel of the compiled network, and the layer that it counts at. */
export interface KernelTime extends NodeTime {
  /** Absent: the kernel runs no node, it moves inputs and outputs. */
  readonly layer?: string;
}

export interface Profile {
  /** In the order in which they run. */
  readonly kernels: readonly KernelTime[];
  readonly info: ExecutableInfo;
}

/** The layer of the costliest of some nodes. */
function layerOf(graph: Graph, names: readonly string[]): string | undefined {
  const nodes = graph.nodes.filter(({ name }) => names.includes(name));
  const [first] = nodes
    .map((node) => ({ layer: node.origin, macs: costOf(graph, node).macs }))
    .sort((a, b) => b.macs - a.macs);
  return first?.layer ?? names[0];
}

/**
 * Compiles a network and measures each of its kernels on random inputs.
 * @throws UnsupportedError when the backend can't run the network or does not tell times of single nodes; the
 * signal's reason when cancelled.
 */
export async function profile(
  graph: Graph,
  backend: Backend,
  options: ProfileOptions = {},
): Promise<Profile> {
  const { threads = 1, bind, runs = 10, seed, signal } = options;
  const legal = await legalize(graph, backend);
  const executable = await backend.compile(legal, { threads, ...(bind && { bind }) });
  try {
    await nextTurn(signal);
    const times = await executable.profile(randomInputs(graph, bind, seed), runs);
    const kernels = times.map((time): KernelTime => {
      const layer = layerOf(legal, time.nodes);
      return layer === undefined ? time : { ...time, layer };
    });
    return { kernels, info: executable.info() };
  } finally {
    executable.dispose();
  }
}
