/**
 * Workers that serve a program. They run WebAssembly only, hence need nothing but the module and its memory. How a
 * worker is started differs between browsers (here) and Node (`nodeWorkers` of `@decouple/backend-cpu/node`).
 */
import type { WasmMemory, WasmModule } from '@decouple/wasm';

/** What a worker needs: it instantiates the module on the memory and calls `serve`. */
export interface WorkerJob {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
}

/** Starts a worker; returns what ends it when it does not end by itself. */
export type StartWorker = (job: WorkerJob) => () => void;

interface WebWorker {
  postMessage(message: unknown): void;
  terminate(): void;
}

interface BrowserScope {
  readonly Worker?: new (url: string) => WebWorker;
  readonly Blob?: new (parts: string[], options: { type: string }) => unknown;
  readonly URL?: {
    createObjectURL(blob: unknown): string;
    revokeObjectURL(url: string): void;
  };
  readonly SharedArrayBuffer?: unknown;
  readonly crossOriginIsolated?: boolean;
}

const scope = globalThis as BrowserScope;

const source = `onmessage = async ({ data: { module, memory } }) => {
  (await WebAssembly.instantiate(module, { env: { memory } })).exports.serve();
  close();
};`;

/** Web Workers, where the page may use them; else why not. */
export function webWorkers(): StartWorker | string {
  const { Worker, Blob, URL, SharedArrayBuffer, crossOriginIsolated } = scope;
  if (!Worker || !Blob || !URL)
    return 'no workers here; in Node pass `workers: nodeWorkers` of @decouple/backend-cpu/node';
  if (!SharedArrayBuffer || crossOriginIsolated === false)
    return 'the page is not cross-origin isolated (headers COOP and COEP)';
  return (job) => {
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    const worker = new Worker(url);
    worker.postMessage(job);
    return () => {
      worker.terminate();
      URL.revokeObjectURL(url);
    };
  };
}
