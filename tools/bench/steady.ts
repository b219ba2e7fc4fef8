/**
 * Memory over many runs: a network runs ten thousand times on the CPU backend, and what the process holds is printed
 * at intervals. After the first tenth, in which the engine warms up, it must not grow.
 *
 *   npm run steady                          test-models/vgg16-cifar10.onnx, 10,000 runs
 *   npm run steady -- MODEL.onnx --runs N
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile, randomInputs } from 'decouple';
import { backendByName, readModel } from 'decouple/node';
import { describeMachine, markdownTable } from '../report.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '10000' } },
});
const runs = Number(values.runs);
const model =
  positionals[0] ?? fileURLToPath(new URL('../../test-models/vgg16-cifar10.onnx', import.meta.url));
/** More than the noise of the collector; a leak of one result per run would be 400 kB, of one map 100 MB. */
const allowedGrowth = 5e6;

interface Sample {
  readonly run: number;
  readonly rss: number;
  readonly heap: number;
  readonly buffers: number;
}

function sampleAt(run: number): Sample {
  // Collected garbage only, where Node lets us (--expose-gc).
  globalThis.gc?.();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { run, rss, heap: heapUsed, buffers: arrayBuffers };
}

const graph = await readModel(model);
const executable = await compile(graph, backendByName('cpu'));
const inputs = randomInputs(graph);
const samples: Sample[] = [sampleAt(0)];
for (let run = 1; run <= runs; run++) {
  await executable.run(inputs);
  if (run % Math.ceil(runs / 10) === 0) samples.push(sampleAt(run));
}
executable.dispose();

const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
console.log(
  markdownTable(
    ['runs', 'RSS, MB', 'heap, MB', 'array buffers, MB'],
    samples.map(({ run, rss, heap, buffers }) => [`${run}`, mb(rss), mb(heap), mb(buffers)]),
  ),
);
console.log(describeMachine());
const [, warm = samples[0]] = samples;
const last = samples.at(-1);
const growth = last && warm ? last.heap + last.buffers - warm.heap - warm.buffers : 0;
console.log(`heap and buffers grew by ${mb(growth)} MB after the first tenth`);
if (growth > allowedGrowth) process.exitCode = 1;
