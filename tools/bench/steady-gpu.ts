/**
 * Memory over many runs of the GPU backend, in every mode that is there: a small VGG runs a thousand times, then it is
 * compiled, run and disposed fifty times. Neither may grow, and disposing leaves nothing.
 *
 *   npm run steady:gpu                  1,000 runs, 50 compilations
 *   npm run steady:gpu -- --runs N --compiles N
 */
import { parseArgs } from 'node:util';
import { testModels } from '@decouple/conformance';
import { compile, gpu, messageOf, randomInputs, type GpuMode, type Graph } from 'decouple';
import { buildPage } from '../browser/build.ts';
import { withPage } from '../browser/chromium.ts';
import { compiledTimes, type Sample } from '../browser/steady/sample.ts';
import { describeMachine, markdownTable } from '../report.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    compiles: { type: 'string', default: '50' },
  },
});
const [runs, compiles] = [Number(values.runs), Number(values.compiles)];
/** What the engine compiles on the way, in bytes; the weights of one network leaked each time would be far more. */
const allowedGrowth = 2e6;

const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);

interface Memory {
  readonly label: string;
  readonly rss: number;
  readonly held: number;
}

function memoryAt(label: string): Memory {
  globalThis.gc?.();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { label, rss, held: heapUsed + arrayBuffers };
}

async function inNode(mode: GpuMode): Promise<void> {
  const { graph } = testModels()[0] as { readonly graph: Graph };
  const inputs = randomInputs(graph);
  const backend = gpu({ mode });
  const executable = await compile(graph, backend);
  const samples: Memory[] = [];
  for (let run = 1; run <= runs; run++) {
    await executable.run(inputs);
    if (run % (runs / 5) === 0) samples.push(memoryAt(`${run}`));
  }
  executable.dispose();
  // Kernels of headless GL take seconds to build.
  const times = mode === 'headless-gl' ? compiles / 10 : compiles;
  for (let compiled = 1; compiled <= times; compiled++) {
    const again = await compile(graph, backend);
    await again.run(inputs);
    again.dispose();
    if (compiled % (times / 5) === 0) samples.push(memoryAt(compiledTimes(compiled)));
  }
  console.log(`\n${mode}\n`);
  const rows = samples.map(({ label, rss, held }) => [label, mb(rss), mb(held)]);
  console.log(markdownTable(['runs', 'RSS, MB', 'heap and buffers, MB'], rows));
  requireFlat(mode, times, new Map(samples.map(({ label, held }) => [label, held])));
}

/** Neither the runs nor the compilations after the first fifth may add to what is held. */
function requireFlat(what: string, times: number, held: ReadonlyMap<string, number>): void {
  for (const [name, first, last] of [
    ['runs', `${runs / 5}`, `${runs}`],
    ['compilations', compiledTimes(times / 5), compiledTimes(times)],
  ] as const) {
    const [before, after] = [held.get(first), held.get(last)] as [number, number];
    console.log(`${what}: ${name} after the first fifth added ${mb(after - before)} MB`);
    if (after - before > allowedGrowth) process.exitCode = 1;
  }
}

async function inBrowser(): Promise<void> {
  const folder = await buildPage('steady');
  const samples = await withPage(folder, async (page, address) => {
    await page.goto(`${address}?runs=${runs}&compiles=${compiles}`);
    return page.evaluate(
      async () => (globalThis as unknown as { results: Promise<Sample[]> }).results,
    );
  });
  console.log('\nwebgl2, in Chromium\n');
  const rows = samples.map(({ label, heap, objects }) => [label, mb(heap), `${objects}`]);
  console.log(markdownTable(['runs', 'heap, MB', 'objects of WebGL'], rows));
  const at = (label: string): Sample => samples.find((sample) => sample.label === label) as Sample;
  requireFlat('webgl2', compiles, new Map(samples.map(({ label, heap }) => [label, heap])));
  const same = at('1').objects === at(`${runs}`).objects;
  const left = samples.at(-1)?.objects;
  console.log(
    `objects of WebGL: ${same ? 'none' : 'some'} made by runs, ${left} left when disposed`,
  );
  if (!same || left) process.exitCode = 1;
}

for (const mode of ['webassembly', 'cpu', 'headless-gl'] as const)
  try {
    await inNode(mode);
  } catch (error) {
    console.log(`\n${mode}: not measured: ${messageOf(error)}`);
  }
await inBrowser();
console.log(`\n${describeMachine()}`);
