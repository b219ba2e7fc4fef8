/// <reference lib="dom" />
/**
 * Latencies in a page: the networks whose files the query names, on WebGL 2 by gpu.js and by TensorFlow.js, with kernels
 * of one channel to a texel, and in plain loops of JavaScript. Results are left in `window.results`.
 */
import { difference, type Tensor } from '@decouple/tensor';
import { bindSymbols, graphBuilder, type Graph } from '@decouple/ir';
import { fastest, median, type Executable, type NodeTime } from '@decouple/backend';
import { runPipeline } from '@decouple/pass-manager';
import { gpu, importOnnx, parsePipeline, randomInputs, reference, totalCost } from 'decouple';
import { engines, type Engine, type Parts, type Results, type Row } from './results.ts';
import { tfjsNetwork } from '../../bench/tfjs-network.ts';
import { startTfjs } from './tfjs.ts';

type Run = () => Promise<Tensor>;
const query = new URLSearchParams(location.search);

/** Every backend gets the same graph, with batch normalisation and activations folded. */
async function runnersOf(graph: Graph): Promise<{
  readonly runs: Record<Engine, Run>;
  readonly parts: (runs: number) => Promise<Parts>;
  readonly end: () => void;
}> {
  const inputs = randomInputs(graph);
  const output = graph.outputs[0] as string;
  const backends = [gpu({ mode: 'webgl2' }), gpu({ mode: 'webgl2', packed: false }), reference()];
  const executables = await Promise.all(backends.map((backend) => backend.compile(graph)));
  const [packed, single, loops] = executables.map(
    (executable): Run =>
      async () =>
        (await executable.run(inputs))[output] as Tensor,
  ) as [Run, Run, Run];
  const network = tfjsNetwork(graph);
  const tfjs: Run = () => Promise.resolve(network.run(inputs)[output] as Tensor);
  return {
    runs: { gpu: packed, 'tfjs-webgl': tfjs, 'one channel': single, loops },
    parts: async (runs) => partsOf(await (executables[0] as Executable).profile(inputs, runs)),
    end: () => [...executables, network].forEach((each) => each.dispose()),
  };
}

function partsOf(steps: readonly NodeTime[]): Parts {
  const parts = { upload: 0, kernels: 0, readback: 0 };
  for (const { kernel, medianMs } of steps)
    if (kernel.startsWith('upload ')) parts.upload += medianMs;
    else if (kernel.startsWith('download ')) parts.readback += medianMs;
    else parts.kernels += medianMs;
  return parts;
}

/** Of the slow engines. */
const slowRounds = 3;

async function measure(name: string, graph: Graph, rounds: number): Promise<Row> {
  const { runs, parts: partsIn, end } = await runnersOf(graph);
  const expected = await runs.loops();
  let maxRel = 0;
  for (const engine of engines)
    maxRel = Math.max(maxRel, difference(await runs[engine](), expected).maxRel);
  const samples = new Map(engines.map((engine) => [engine, [] as number[]]));
  const time = async (engine: Engine): Promise<void> => {
    const start = performance.now();
    await runs[engine]();
    samples.get(engine)?.push(performance.now() - start);
  };
  // Each goes first in turn: what ran before may slow the next.
  for (let round = 0; round < rounds; round++)
    for (const engine of round % 2
      ? (['gpu', 'tfjs-webgl'] as const)
      : (['tfjs-webgl', 'gpu'] as const))
      await time(engine);
  for (let round = 0; round < slowRounds; round++)
    for (const engine of ['one channel', 'loops'] as const) await time(engine);
  const parts = await partsIn(rounds);
  end();
  const times = Object.fromEntries(
    [...samples].map(([engine, list]) => [
      engine,
      { medianMs: median(list), fastMs: fastest(list) },
    ]),
  ) as Row['times'];
  return { name, macs: totalCost(graph).macs, times, parts, maxRel };
}

/** As good as no work: what uploads and downloads take. */
function transfersOnly(shape: readonly number[]): Graph {
  const b = graphBuilder('transfers');
  const mean = b.node('global-average-pool', [b.input('input', shape)], {}, 'mean');
  return b.build([b.node('flatten', [mean], {}, 'output')]);
}

async function networkOf(file: string): Promise<Graph> {
  const bytes = new Uint8Array(await (await fetch(`./${file}`)).arrayBuffer());
  const graph = bindSymbols(importOnnx(bytes).graph, { N: 1 });
  return (await runPipeline(graph, parsePipeline(gpu().legalize), { verifyEach: false })).graph;
}

function renderer(): string {
  const gl = document.createElement('canvas').getContext('webgl2');
  const names = gl?.getExtension('WEBGL_debug_renderer_info');
  return String(names && gl?.getParameter(names.UNMASKED_RENDERER_WEBGL));
}

async function main(): Promise<Results> {
  const library = await startTfjs();
  const rounds = Number(query.get('rounds'));
  const rows: Row[] = [];
  for (const file of query.getAll('file')) {
    console.log(`${file} …`);
    rows.push(await measure(file.replace('.onnx', ''), await networkOf(file), rounds));
  }
  rows.push(await measure('in and out only', transfersOnly([1, 3, 32, 32]), rounds));
  return { machine: `${navigator.userAgent}; ${renderer()}; ${library}`, rows };
}

(globalThis as { results?: Promise<Results> }).results = main();
