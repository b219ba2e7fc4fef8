/**
 * A process that starts one network on one engine, as an application would, and says how long that took and how much
 * memory. Bundled and started by start.ts: `node starter.js JOB`, the job as JSON.
 */
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type { Ort } from 'decouple/node';
import type { Starter, StartRecord } from './records.ts';

export interface Job {
  readonly starter: Starter;
  readonly file: string;
  readonly input: string;
  readonly shape: readonly number[];
}
export type Run = (data: Float32Array) => unknown;
/** From the file to what can be run. */
export type Load = (job: Job) => Promise<Run>;

interface Loader {
  load(): Promise<{ run(inputs: Readonly<Record<string, Float32Array>>): unknown }>;
}

const onnxRuntime =
  (ort: Ort, provider: 'wasm' | 'cpu'): Load =>
  async ({ file, input, shape }) => {
    ort.env.wasm.numThreads = 1;
    // The native one reads files itself.
    const model = provider === 'wasm' ? await readFile(file) : file;
    const session = await ort.InferenceSession.create(model as Uint8Array, {
      executionProviders: [provider],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    });
    return (data) => session.run({ [input]: new ort.Tensor('float32', data, shape) });
  };

/** Imports an engine. */
const engines: Readonly<Record<Starter, (job: Job) => Promise<Load>>> = {
  ours: async () => (await import('./start-ours.ts')).load,
  'ours, .dcpl': async () => (await import('./start-ours.ts')).load,
  'ours, ahead of time': async ({ file }) => {
    const loader = (await import(pathToFileURL(file).href)) as Loader;
    return async ({ input }) => {
      const model = await loader.load();
      return (data) => model.run({ [input]: data });
    };
  },
  'onnxruntime-web': async () =>
    onnxRuntime((await import('onnxruntime-web')) as unknown as Ort, 'wasm'),
  'onnxruntime-node': async () =>
    onnxRuntime((await import('onnxruntime-node')) as unknown as Ort, 'cpu'),
};

/** Runs until so much time has passed, three times at least. */
const steadyMs = 1000;

const medianOf = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;

/** Largest resident memory so far, which Linux tells exactly. */
function peakBytes(): number {
  const status = '/proc/self/status';
  const found = existsSync(status) && /VmHWM:\s+(\d+) kB/.exec(readFileSync(status, 'utf8'));
  return 1024 * (found ? Number(found[1]) : process.resourceUsage().maxRSS);
}

async function main(job: Job): Promise<StartRecord> {
  const data = Float32Array.from(
    { length: job.shape.reduce((product, size) => product * size, 1) },
    (_, at) => Math.sin(at),
  );
  const timed = async <T>(act: () => T | Promise<T>): Promise<[T, number]> => {
    const start = performance.now();
    const result = await act();
    return [result, performance.now() - start];
  };
  const [load, importMs] = await timed(() => engines[job.starter](job));
  const [run, loadMs] = await timed(() => load(job));
  const [, firstMs] = await timed(() => run(data));
  const times: number[] = [];
  for (let passed = 0; passed < steadyMs || times.length < 3;) {
    const [, ms] = await timed(() => run(data));
    times.push(ms);
    passed += ms;
  }
  const { starter } = job;
  return { starter, importMs, loadMs, firstMs, steadyMs: medianOf(times), peakBytes: peakBytes() };
}

console.log(JSON.stringify(await main(JSON.parse(process.argv[2] as string) as Job)));
// Threads of engines would keep it alive.
process.exit();
