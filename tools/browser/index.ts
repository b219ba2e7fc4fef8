/**
 * Tests in Chromium: the conformance suite of the GPU backend on WebGL 2, with trained networks and what decoupling
 * makes of them.
 *
 *   npm run test:browser
 *   npm run test:browser -- --only 'pool|conv'  cases by name
 *   GL=swiftshader npm run test:browser      another software renderer
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { exportOnnx, optimize } from 'decouple';
import { readModel } from 'decouple/node';
import { buildPage, inRepository } from './build.ts';
import { withPage } from './chromium.ts';
import type { Results } from './conformance/page.ts';

const tolerance = 1e-4;

/** Trained networks and their decoupled forms, as files of the page. */
async function writeNetworks(folder: string): Promise<string[]> {
  const names: string[] = [];
  const write = (name: string, bytes: Uint8Array): void => {
    writeFileSync(join(folder, name), bytes);
    names.push(name);
  };
  for (const name of ['vgg16-cifar10', 'resnet20-cifar10']) {
    const graph = await readModel(inRepository(`test-models/${name}.onnx`));
    write(`${name}.onnx`, exportOnnx(graph));
    for (const form of ['dw-pw', 'pw-dw']) {
      const result = await optimize(graph, `fold-batch-norm, decouple{terms=2, form=${form}}`);
      write(`${name}-${form}.onnx`, exportOnnx(result.graph));
    }
  }
  return names;
}

async function conformance(only: string): Promise<Results> {
  const folder = await buildPage('conformance');
  const query = new URLSearchParams({ mode: 'webgl2', tolerance: `${tolerance}`, only });
  for (const file of await writeNetworks(folder)) query.append('file', file);
  return withPage(folder, async (page, address) => {
    await page.goto(`${address}?${query.toString()}`);
    return page.evaluate(
      async () => (globalThis as unknown as { results: Promise<Results> }).results,
    );
  });
}

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
const start = performance.now();
const { passed, failed, info } = await conformance(values.only);
console.log(`${info}; within ${tolerance} of the largest value`);
console.log(`took ${((performance.now() - start) / 1000).toFixed(0)} s`);
// As vitest counts them.
const counts = [...(failed.length ? [`${failed.length} failed`] : []), `${passed} passed`];
console.log(`      Tests  ${counts.join(' | ')} (${passed + failed.length})`);
if (failed.length) process.exitCode = 1;
