/**
 * ONNX Runtime behind the contract of backends, to compare with: `onnxruntime-node` (native code) and
 * `onnxruntime-web` (WebAssembly). They are not dependencies: whoever wants to compare installs them beside the
 * project, and they are loaded when first used. Networks reach them as ONNX files, unchanged where they came from one.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  bindForCompile,
  requireAlive,
  requireInputs,
  type Backend,
  type Executable,
  type ExecutableInfo,
} from '@decouple/backend';
import type { Graph } from '@decouple/ir';
import { exportOnnx } from '@decouple/onnx';
import {
  messageOf,
  ModelError,
  tensor,
  UnsupportedError,
  type DType,
  type Tensor,
  type TypedArray,
} from '@decouple/tensor';

export const peers = ['onnxruntime-node', 'onnxruntime-web'] as const;
export type Peer = (typeof peers)[number];

/** The part of `onnxruntime-common` that is used; its names of element types are those of this project. */
export interface OrtTensor {
  readonly type: DType;
  readonly dims: readonly number[];
  readonly data: TypedArray;
}
export interface OrtSession {
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}
export interface Ort {
  readonly InferenceSession: {
    create(bytes: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<OrtSession>;
  };
  readonly Tensor: new (type: DType, data: TypedArray, dims: readonly number[]) => OrtTensor;
  readonly env: { logLevel?: string; readonly wasm: { numThreads?: number } };
}

/**
 * Loads a peer as installed for the working directory, else as installed beside this package.
 *
 * Both runtimes register a backend named 'cpu' with `onnxruntime-common`, which keeps the first one: in one process the
 * native runtime would silently run the other's code. As an ES module the web runtime has a registry of its own.
 * @throws UnsupportedError when it is not installed.
 */
export async function loadOnnxRuntime(peer: Peer): Promise<Ort> {
  const reasons: string[] = [];
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      const script = createRequire(from).resolve(peer);
      const entry = peer === 'onnxruntime-web' ? script.replace(/\.js$/, '.mjs') : script;
      const module = (await import(pathToFileURL(entry).href)) as Ort & { readonly default?: Ort };
      return module.default ?? module;
    } catch (error) {
      reasons.push(messageOf(error).split('\n')[0] ?? '');
    }
  }
  throw new UnsupportedError(
    `${peer} can't be loaded (${reasons[0]}); install it: npm install ${peer}`,
  );
}

export interface OnnxRuntimeOptions {
  /** The ONNX file of a graph. Default: exports it. */
  readonly encode?: (graph: Graph) => Uint8Array;
}

function executableOf(
  graph: Graph,
  session: OrtSession,
  ort: Ort,
  info: ExecutableInfo,
): Executable {
  let alive = true;
  return {
    async run(inputs) {
      requireAlive(alive, graph);
      requireInputs(graph, inputs);
      const feeds = Object.entries(inputs).map(([name, value]): [string, OrtTensor] => [
        name,
        new ort.Tensor(value.dtype, value.data, value.shape),
      ]);
      const results = await session.run(Object.fromEntries(feeds));
      return Object.fromEntries(
        graph.outputs.map((name): [string, Tensor] => {
          const value = results[name];
          if (!value) throw new ModelError(`${info.backend} gives no output '${name}'`);
          return [name, tensor(value.type, value.dims, value.data)];
        }),
      );
    },
    profile: () =>
      Promise.reject(new UnsupportedError(`${info.backend} does not tell times of single nodes`)),
    info: () => info,
    dispose() {
      if (!alive) return;
      alive = false;
      // Released in the background: nobody waits for the memory of a finished session.
      void session.release().catch(() => undefined);
    },
  };
}

/**
 * ONNX Runtime as a backend, on CPU.
 * @throws UnsupportedError when compiling and the package is not installed or refuses the network.
 */
export function onnxRuntime(peer: Peer, options: OnnxRuntimeOptions = {}): Backend {
  return {
    name: peer,
    legalize: '',
    supports: () => true,
    async compile(graph, { bind, threads = 1 } = {}) {
      const bound = bindForCompile(graph, bind);
      const bytes = options.encode?.(graph) ?? exportOnnx(graph);
      const ort = await loadOnnxRuntime(peer);
      ort.env.logLevel = 'error';
      // Its worker threads are started once per process: the first session decides how many.
      if (peer === 'onnxruntime-web') ort.env.wasm.numThreads = threads;
      try {
        const session = await ort.InferenceSession.create(bytes, {
          executionProviders: [peer === 'onnxruntime-web' ? 'wasm' : 'cpu'],
          intraOpNumThreads: threads,
          interOpNumThreads: 1,
          logSeverityLevel: 3,
        });
        const info: ExecutableInfo = {
          backend: peer,
          simd: true,
          threads,
          arenaBytes: 0,
          weightBytes: bytes.byteLength,
          codeBytes: 0,
          delegated: [],
          notes: ['memory and code sizes are unknown'],
        };
        return executableOf(bound, session, ort, info);
      } catch (error) {
        throw new UnsupportedError(`${peer} refuses the network: ${messageOf(error)}`, {
          cause: error,
        });
      }
    },
  };
}
