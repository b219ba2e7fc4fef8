/** Settings of Node's engine that make generated code faster. For Node only. */
import v8 from 'node:v8';
import { Worker } from 'node:worker_threads';
import { detectFeatures } from '@decouple/wasm';
import type { StartWorker } from './workers.ts';

/**
 * Prepares the engine; call it once, before the first network is compiled. Node 20 hides relaxed SIMD (fused
 * multiply-add) behind a flag that newer versions no longer have, so it is set only where the probe fails. Functions
 * are compiled by the optimising compiler, and when the network is: otherwise the first run would wait for that, and
 * take two to fifteen times as long as the others. Node 20 to 26 know these flags.
 * @returns whether fused multiply-add can be used.
 */
export function prepareNode(): { readonly relaxedSimd: boolean } {
  for (const flag of ['--no-liftoff', '--no-wasm-lazy-compilation']) v8.setFlagsFromString(flag);
  if (!detectFeatures().relaxedSimd) v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
  return { relaxedSimd: detectFeatures().relaxedSimd };
}

const source = `const { workerData: { module, memory } } = require('node:worker_threads');
new WebAssembly.Instance(module, { env: { memory } }).exports.serve();`;

/** Workers of Node for `cpu({ workers: nodeWorkers })`. They don't keep the process alive. */
export const nodeWorkers: StartWorker = (workerData) => {
  const worker = new Worker(source, { eval: true, execArgv: [], workerData });
  worker.unref();
  return () => void worker.terminate();
};
