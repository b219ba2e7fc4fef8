/** Backends by name, as command lines give them. */
import type { Backend } from '@decouple/backend';
import { nodeWorkers, prepareNode } from '@decouple/backend-cpu/node';
import type { Rates } from '@decouple/cost-model';
import type { Graph } from '@decouple/ir';
import { suggestion } from '@decouple/pass-manager';
import { OptionError } from '@decouple/tensor';
import { cpu, gpu, gpuModes, reference } from '../backends.ts';
import { onnxRuntime, peers } from './onnxruntime.ts';

/** What a backend is made from when it is given by name. */
export interface NamedBackendOptions {
  /** The file a graph came from, for runtimes that take files. */
  readonly encode?: (graph: Graph) => Uint8Array;
  /** What `cpu` chooses kernels by; see `machineRates`. Default: rates of a common machine. */
  readonly rates?: Rates | undefined;
  /** Whether `cpu` measures the kernels of each network when compiling it. */
  readonly tune?: boolean | undefined;
}

const makers: Readonly<Record<string, (options: NamedBackendOptions) => Backend>> = {
  cpu: ({ rates, tune = false }) => {
    prepareNode();
    return cpu({ workers: nodeWorkers, rates, tune });
  },
  gpu: () => gpu(),
  ...Object.fromEntries(gpuModes.map((mode) => [`gpu-${mode}`, () => gpu({ mode })])),
  reference: () => reference(),
  ...Object.fromEntries(
    peers.map((peer) => [peer, (options: NamedBackendOptions) => onnxRuntime(peer, options)]),
  ),
};

export const backendNames: readonly string[] = Object.keys(makers);

/**
 * A backend from its name. For 'cpu' the engine is set up for speed first (`prepareNode`), which lasts for the process.
 * @throws OptionError with the nearest name.
 */
export function backendByName(name: string, options: NamedBackendOptions = {}): Backend {
  const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
  if (!make) throw new OptionError(`'${name}' is not a backend${suggestion(name, backendNames)}`);
  return make(options);
}
