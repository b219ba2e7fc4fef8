/// <reference lib="dom" />
/** Runs a network many times on WebGL 2 and counts what stays. Results are left in `window.results`. */
import { testModels } from '@decouple/conformance';
import { gpu, randomInputs } from 'decouple';
import { countObjects } from './objects.ts';
import type { Sample } from './sample.ts';

const query = new URLSearchParams(location.search);
const objects = countObjects();

const heap = (): number =>
  (performance as unknown as { readonly memory: { readonly usedJSHeapSize: number } }).memory
    .usedJSHeapSize;

async function main(): Promise<Sample[]> {
  const runs = Number(query.get('runs'));
  const graph = testModels()[0]?.graph as ReturnType<typeof testModels>[number]['graph'];
  const inputs = randomInputs(graph);
  const backend = gpu({ mode: 'webgl2' });
  const samples: Sample[] = [];
  const sample = (label: string): void => {
    (globalThis as { gc?: () => void }).gc?.();
    samples.push({ label, heap: heap(), objects: objects() });
  };
  sample('before');
  const executable = await backend.compile(graph);
  for (let run = 1; run <= runs; run++) {
    await executable.run(inputs);
    if (run === 1 || run % (runs / 5) === 0) sample(`${run}`);
  }
  executable.dispose();
  sample('disposed');
  for (let round = 0; round < 20; round++) {
    const again = await backend.compile(graph);
    await again.run(inputs);
    again.dispose();
  }
  sample('compiled and disposed 20 times more');
  return samples;
}

(globalThis as { results?: Promise<Sample[]> }).results = main();
