/** The engines that take turns: ours, with all kernels and with direct ones only, and those it is compared with. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { bindForCompile, requireAlive, type Backend } from '@decouple/backend';
import { nodeWorkers, prepareNode } from '@decouple/backend-cpu/node';
import type { Rates } from '@decouple/cost-model';
import { cpu, type Graph } from 'decouple';
import { backendByName } from 'decouple/node';
import { tfjsForm, tfjsNetwork } from './tfjs-network.ts';

/** Names as they stand in tables. `ours, direct` may not use Winograd's kernels. */
export const engineNames = [
  'ours',
  'ours, direct',
  'onnxruntime-web',
  'tfjs-wasm',
  'onnxruntime-node',
] as const;
export type EngineName = (typeof engineNames)[number];
export const peerNames = ['onnxruntime-web', 'tfjs-wasm', 'onnxruntime-node'] as const;

const require = createRequire(import.meta.url);
/** Where its WebAssembly lies. */
export const tfjsFolder = dirname(require.resolve('@tensorflow/tfjs-backend-wasm'));

async function startTfjs(): Promise<void> {
  const tf = await import('@tensorflow/tfjs-core');
  if (tf.getBackend() === 'wasm') return;
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(`${tfjsFolder}/`);
  await tf.setBackend('wasm');
  await tf.ready();
}

/** TensorFlow.js on its WebAssembly backend, behind the contract of backends. In Node it runs on one thread. */
export const tfjs = (): Backend => ({
  name: 'tfjs-wasm',
  legalize: tfjsForm,
  supports: () => true,
  compile: async (graph, { bind } = {}) => {
    await startTfjs();
    const network = tfjsNetwork(bindForCompile(graph, bind));
    let alive = true;
    return {
      // eslint-disable-next-line @typescript-eslint/require-await -- errors must come as rejections
      run: async (inputs) => {
        requireAlive(alive, graph);
        return network.run(inputs);
      },
      profile: () => Promise.reject(new Error('tfjs-wasm does not tell times of single nodes')),
      info: () => ({
        backend: 'tfjs-wasm',
        simd: true,
        threads: 1,
        arenaBytes: 0,
        weightBytes: 0,
        codeBytes: 0,
        delegated: [],
        notes: [],
      }),
      dispose: () => {
        if (alive) network.dispose();
        alive = false;
      },
    };
  },
});

export interface EngineOptions {
  /** What `ours` chooses kernels by. */
  readonly rates: Rates;
  /** The ONNX file of a graph, for the engines that take files. */
  readonly encode: (graph: Graph) => Uint8Array;
}

const makers: Readonly<Record<EngineName, (options: EngineOptions) => Backend>> = {
  ours: ({ rates }) => cpu({ workers: nodeWorkers, rates }),
  'ours, direct': ({ rates }) => cpu({ workers: nodeWorkers, rates, winograd: 'off' }),
  'onnxruntime-web': (options) => backendByName('onnxruntime-web', options),
  'onnxruntime-node': (options) => backendByName('onnxruntime-node', options),
  'tfjs-wasm': tfjs,
};

export function engine(name: EngineName, options: EngineOptions): Backend {
  prepareNode();
  return { ...makers[name](options), name };
}
