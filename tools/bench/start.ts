/** Loading, first run and memory, each in a process of its own that does nothing else. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { median } from '@decouple/backend';
import { bindSymbols, type Graph } from 'decouple';
import { compileFiles, writeModel } from 'decouple/node';
import { build } from 'esbuild';
import { inRepository, networks, type Network, type NetworkName } from './networks.ts';
import type { Settings } from './parts.ts';
import { starters, type Starter, type StartRecord } from './records.ts';
import type { Job } from './starter.ts';

/** Bundles an entry from sources, as an application would; peers stay where they are installed. */
export async function bundle(entry: string, folder: string, browser = false): Promise<void> {
  await build({
    entryPoints: [inRepository(`tools/bench/${entry}`)],
    outdir: folder,
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: browser ? 'browser' : 'node',
    conditions: ['@decouple/source'],
    external: ['onnxruntime-node', 'onnxruntime-web'],
    logLevel: 'error',
    // Packages in CommonJS ask for Node's modules.
    ...(browser
      ? {}
      : {
          banner: {
            js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
          },
        }),
  });
}

/** The same network as each engine takes it. */
async function writeFiles(graph: Graph, folder: string): Promise<Record<Starter, string>> {
  const path = (name: string): string => join(folder, name);
  const [onnx, dcpl] = [path('network.onnx'), path('network.dcpl')];
  await writeModel(onnx, graph);
  await writeModel(dcpl, graph);
  await compileFiles('network', graph, folder);
  return {
    ours: onnx,
    'ours, .dcpl': dcpl,
    'ours, ahead of time': path('network.js'),
    'onnxruntime-web': onnx,
    'onnxruntime-node': onnx,
  };
}

/** Medians of each figure. */
const medians = (records: readonly StartRecord[]): StartRecord => {
  const of = (key: Exclude<keyof StartRecord, 'starter'>): number =>
    median(records.map((record) => record[key]));
  return {
    starter: (records[0] as StartRecord).starter,
    importMs: of('importMs'),
    loadMs: of('loadMs'),
    firstMs: of('firstMs'),
    steadyMs: of('steadyMs'),
    peakBytes: of('peakBytes'),
  };
};

const run = promisify(execFile);

export async function startTimes(name: NetworkName, { quick }: Settings): Promise<StartRecord[]> {
  const { make }: Network = networks[name];
  const graph = bindSymbols(await make(), { N: 1 });
  const [input] = graph.inputs;
  if (!input) throw new Error(`${name} has no input`);
  // Inside the repository, where the peers are found.
  const bundled = inRepository('out/bench/starter');
  await bundle('starter.ts', bundled);
  const folder = await mkdtemp(join(tmpdir(), 'decouple-start-'));
  try {
    const files = await writeFiles(graph, folder);
    const records = new Map<Starter, StartRecord[]>(starters.map((starter) => [starter, []]));
    for (let round = 0; round < (quick ? 1 : 5); round++)
      for (const starter of starters) {
        const shape = input.type.shape as number[];
        const job: Job = { starter, file: files[starter], input: input.name, shape };
        const { stdout } = await run(process.execPath, [
          join(bundled, 'starter.js'),
          JSON.stringify(job),
        ]);
        records
          .get(starter)
          ?.push(JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as StartRecord);
      }
    return [...records.values()].map(medians);
  } finally {
    await rm(folder, { recursive: true });
  }
}
