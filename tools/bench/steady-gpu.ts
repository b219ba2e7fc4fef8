/**
 * Memory over many runs of the GPU backend, in every mode that is there: a small VGG runs a thousand times, then what is
 * left when all is disposed. Neither may grow.
 *
 *   npm run steady:gpu                  1,000 runs
 *   npm run steady:gpu -- --runs N
 */
import { parseArgs } from 'node:util';
import { testModels } from '@decouple/conformance';
import { compile, gpu, messageOf, randomInputs, type GpuMode, type Graph } from 'decouple';
import { buildPage } from '../browser/build.ts';
import { withPage } from '../browser/chromium.ts';
import type { Sample } from '../browser/steady/sample.ts';
import { describeMachine, markdownTable } from '../report.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '1000' } } });
const runs = Number(values.runs);
/** The noise of the collector and of what the engine compiles; one leaked result per run would be far more. */
const allowedGrowth = 8e6;

const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);

interface Memory {
  readonly run: number;
  readonly rss: number;
  readonly held: number;
}

function memoryAt(run: number): Memory {
  globalThis.gc?.();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { run, rss, held: heapUsed + arrayBuffers };
}

async function inNode(mode: GpuMode): Promise<void> {
  const { graph } = testModels()[0] as { readonly graph: Graph };
  const inputs = randomInputs(graph);
  const executable = await compile(graph, gpu({ mode }));
  const samples: Memory[] = [];
  for (let run = 1; run <= runs; run++) {
    await executable.run(inputs);
    if (run % (runs / 5) === 0) samples.push(memoryAt(run));
  }
  executable.dispose();
  console.log(`\n${mode}\n`);
  const rows = samples.map(({ run, rss, held }) => [`${run}`, mb(rss), mb(held)]);
  console.log(markdownTable(['runs', 'RSS, MB', 'heap and buffers, MB'], rows));
  const [first, last] = [samples[0], samples.at(-1)] as [Memory, Memory];
  requireFlat(`${mode}: heap and buffers`, first.held, last.held);
}

function requireFlat(what: string, before: number, after: number): void {
  console.log(`${what} grew by ${mb(after - before)} MB`);
  if (after - before > allowedGrowth) process.exitCode = 1;
}

async function inBrowser(): Promise<void> {
  const folder = await buildPage('steady');
  const samples = await withPage(folder, async (page, address) => {
    await page.goto(`${address}?runs=${runs}`);
    return page.evaluate(
      async () => (globalThis as unknown as { results: Promise<Sample[]> }).results,
    );
  });
  console.log('\nwebgl2, in Chromium\n');
  const rows = samples.map(({ label, heap, objects }) => [label, mb(heap), `${objects}`]);
  console.log(markdownTable(['runs', 'heap, MB', 'objects of WebGL'], rows));
  const at = (label: string): Sample => samples.find((sample) => sample.label === label) as Sample;
  requireFlat('webgl2: heap', at(`${runs / 5}`).heap, at(`${runs}`).heap);
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
