/** What `decouple compile` writes, in a page that is served with nothing else. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareNode } from '@decouple/backend-cpu/node';
import {
  bindSymbols,
  compareOutputs,
  compile,
  cpu,
  float32,
  interpret,
  randomInputs,
  type Tensor,
} from 'decouple';
import { readModel } from 'decouple/node';
import { afterAll, expect, test } from 'vitest';
import { inRepository } from './build.ts';
import { withPage } from './chromium.ts';

const model = inRepository('test-models/resnet20-cifar10.onnx');
const folder = mkdtempSync(join(tmpdir(), 'decouple-compiled-'));
afterAll(() => rmSync(folder, { recursive: true }));

function compileModel(): void {
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      ...['--conditions=@decouple/source', '--import', 'tsx'],
      inRepository('packages/cli/src/main.ts'),
      ...['compile', model, '-o', folder],
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
}

/** The page as an application would have it. */
const page = `<!doctype html>
<link rel="icon" href="data:," />
<script type="module">
  import { load } from './resnet20-cifar10.js';
  globalThis.run = async (inputs) => {
    const model = await load();
    const given = Object.entries(inputs).map(([name, values]) => [name, Float32Array.from(values)]);
    const outputs = model.run(Object.fromEntries(given));
    return {
      fma: model.fma,
      outputs: Object.entries(outputs).map(([name, values]) => [name, [...values]]),
    };
  };
</script>
`;

interface Answer {
  readonly fma: boolean;
  readonly outputs: readonly (readonly [name: string, values: number[]])[];
}

test(
  'a compiled network runs in a page and needs no other file',
  { timeout: 120_000 },
  async () => {
    compileModel();
    const files = readdirSync(folder);
    expect(files.sort()).toEqual(
      ['d.ts', 'js', 'wasm'].map((ending) => `resnet20-cifar10.${ending}`),
    );
    writeFileSync(join(folder, 'index.html'), page);

    const graph = bindSymbols(await readModel(model), { N: 1 });
    const inputs = randomInputs(graph);
    const plain = Object.entries(inputs).map(([name, { data }]): [string, number[]] => [
      name,
      [...(data as Float32Array)],
    ]);
    const requested: string[] = [];
    const { fma, outputs } = await withPage(folder, async (tab, address) => {
      tab.on('request', (request) => requested.push(request.url().replace(address, '')));
      await tab.goto(address);
      await tab.waitForFunction(() => 'run' in globalThis);
      return tab.evaluate(
        (given) =>
          (globalThis as unknown as { run: (inputs: object) => Promise<Answer> }).run(given),
        Object.fromEntries(plain),
      );
    });
    expect(requested.filter((url) => !url.startsWith('data:'))).toEqual([
      '',
      'resnet20-cifar10.js',
      'resnet20-cifar10.wasm',
    ]);
    // Chromium has had relaxed SIMD since 114.
    expect(fma).toBe(true);

    const inPage = Object.fromEntries(
      outputs.map(([name, values]): [string, Tensor] => {
        const shape = graph.types.get(name)?.shape as number[];
        return [name, float32(shape, Float32Array.from(values))];
      }),
    );
    expect(Object.keys(inPage)).toEqual(graph.outputs);
    expect(compareOutputs(interpret(graph, inputs), inPage).maxRel).toBeLessThan(1e-5);
    prepareNode();
    const inNode = await (await compile(graph, cpu())).run(inputs);
    expect(compareOutputs(inNode, inPage).maxRel).toBeLessThan(1e-5);
  },
);
