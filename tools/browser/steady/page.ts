/// <reference lib="dom" />
/** Runs a network many times on WebGL 2 and counts what stays. Results are left in `window.results`. */
import { testModels } from '@decouple/conformance';
import { gpu, randomInputs } from 'decouple';
import { countObjects } from './objects.ts';
import { compiledTimes, type Sample } from './sample.ts';

const query = new URLSearchParams(location.search);
const objects = countObjects();

const heap = (): number =>
  (performance as unknown as { readonly memory: { readonly usedJSHeapSize: number } }).memory
    .usedJSHeapSize;

/** Collects twice, each in a turn of its own: what the stack or WebGL's own heap hold goes one turn later. */
async function collect(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) {
    await new Promise((resolve) => setTimeout(resolve));
    (globalThis as { gc?: () => void }).gc?.();
  }
}

async function main(): Promise<Sample[]> {
  const [runs, compiles] = ['runs', 'compiles'].map((name) => Number(query.get(name))) as [
    number,
    number,
  ];
  const graph = testModels()[0]?.graph as ReturnType<typeof testModels>[number]['graph'];
  const inputs = randomInputs(graph);
  const backend = gpu({ mode: 'webgl2' });
  const samples: Sample[] = [];
  const sample = async (label: string): Promise<void> => {
    await collect();
    samples.push({ label, heap: heap(), objects: objects() });
  };
  await sample('before');
  const executable = await backend.compile(graph);
  for (let run = 1; run <= runs; run++) {
    await executable.run(inputs);
    if (run === 1 || run % (runs / 5) === 0) await sample(`${run}`);
  }
  executable.dispose();
  await sample('disposed');
  for (let compiled = 1; compiled <= compiles; compiled++) {
    const again = await backend.compile(graph);
    await again.run(inputs);
    again.dispose();
    if (compiled % (compiles / 5) === 0) await sample(compiledTimes(compiled));
  }
  return samples;
}

(globalThis as { results?: Promise<Sample[]> }).results = main();
