/// <reference lib="dom" />
/**
 * The conformance suite of the GPU backend in a page: op samples, random networks, test models, and the networks whose
 * files the query names. Results are left in `window.results` for the tool that opened the page.
 */
import { modelCases, runConformance, type ConformanceCase } from '@decouple/conformance';
import { bindSymbols } from '@decouple/ir';
import { compile, gpu, importOnnx, messageOf, randomInputs, type GpuMode } from 'decouple';

interface Test {
  readonly name: string;
  readonly body: () => void | Promise<void>;
}
export interface Results {
  readonly passed: number;
  readonly failed: readonly { readonly name: string; readonly message: string }[];
  readonly info: string;
}

const query = new URLSearchParams(location.search);
const mode = (query.get('mode') ?? 'webgl2') as GpuMode;

async function fileCase(name: string): Promise<ConformanceCase> {
  const bytes = new Uint8Array(await (await fetch(`./${name}`)).arrayBuffer());
  const graph = bindSymbols(importOnnx(bytes).graph, { N: 1 });
  return { name: `file: ${name}`, graph, inputs: randomInputs(graph) };
}

async function main(): Promise<Results> {
  const backend = gpu({ mode });
  const files = await Promise.all(query.getAll('file').map(fileCase));
  const tests: Test[] = [];
  const framework = {
    describe: (_: string, body: () => void) => body(),
    test: (name: string, body: Test['body']) => void tests.push({ name, body }),
  };
  const cases = [...modelCases(), ...files];
  const only = new RegExp(query.get('only') ?? '');
  const options = {
    cases,
    tolerance: Number(query.get('tolerance')),
    only: (name: string) => only.test(name),
  };
  // Compiled once and kept, this keeps the context: others come and go within it.
  const [first] = cases as [ConformanceCase];
  const held = await compile(first.graph, backend);
  runConformance(framework, backend, options);
  const failed: { name: string; message: string }[] = [];
  for (const { name, body } of tests) {
    const start = performance.now();
    try {
      await body();
    } catch (error) {
      failed.push({ name, message: messageOf(error) });
      console.log(`failed: ${name}: ${messageOf(error).slice(0, 1500)}`);
    }
    const seconds = (performance.now() - start) / 1000;
    if (seconds > 2) console.log(`${name}: ${seconds.toFixed(1)} s`);
  }
  const { backend: named, notes } = held.info();
  held.dispose();
  return { passed: tests.length - failed.length, failed, info: [named, ...notes].join('; ') };
}

(globalThis as { results?: Promise<Results> }).results = main();
