/**
 * Latency of the GPU backend on WebGL 2 in Chromium, against TensorFlow.js, gpu.js kernels of one channel to a texel, and
 * plain loops, in alternating rounds of one page. Writes docs/results/gpu.md.
 *
 *   npm run bench:gpu                   30 rounds
 *   npm run bench:gpu -- --rounds 5     fewer; nothing is written
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { exportOnnx, formatCount, formatRatio, optimize, significant } from 'decouple';
import { readModel, writeFileWhole } from 'decouple/node';
import { buildPage, inRepository } from '../browser/build.ts';
import { withPage } from '../browser/chromium.ts';
import { engines, type Results } from '../browser/bench/results.ts';
import { describeMachine, markdownTable } from '../report.ts';

const tolerance = 1e-4;

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '30' } } });

async function writeNetworks(folder: string): Promise<string[]> {
  const vgg = await readModel(inRepository('test-models/vgg16-cifar10.onnx'));
  const decoupled = await optimize(vgg, 'fold-batch-norm, decouple{terms=2, form=dw-pw}');
  const files = { 'VGG16-CIFAR.onnx': vgg, 'VGG16-CIFAR decoupled.onnx': decoupled.graph };
  for (const [name, graph] of Object.entries(files))
    writeFileSync(join(folder, name), exportOnnx(graph));
  return Object.keys(files);
}

async function measure(): Promise<Results> {
  const folder = await buildPage('bench');
  const query = new URLSearchParams({ rounds: values.rounds });
  for (const file of await writeNetworks(folder)) query.append('file', file);
  return withPage(folder, async (page, address) => {
    await page.goto(`${address}?${query.toString()}`);
    return page.evaluate(
      async () => (globalThis as unknown as { results: Promise<Results> }).results,
    );
  });
}

const machine = describeMachine();
const { machine: browser, rows } = await measure();
const table = markdownTable(
  ['network', 'MACs', ...engines.map((engine) => `${engine}, ms`), 'gpu : tfjs', 'differ by'],
  rows.map(({ name, macs, times, maxRel }) => [
    name,
    formatCount(macs),
    ...engines.map(
      (engine) => `${significant(times[engine].medianMs)} (${significant(times[engine].fastMs)})`,
    ),
    formatRatio(times['tfjs-webgl'].medianMs, times.gpu.medianMs),
    maxRel.toExponential(1),
  ]),
);
const transfers = markdownTable(
  ['network', 'upload, ms', 'kernels, ms', 'readback, ms'],
  rows.map(({ name, parts }) => [
    name,
    ...[parts.upload, parts.kernels, parts.readback].map((ms) => significant(ms)),
  ]),
);
console.log(table);
console.log(transfers);
console.log(browser);
for (const { name, maxRel } of rows)
  if (!(maxRel <= tolerance)) {
    console.error(`${name}: an engine gives other outputs (${maxRel.toExponential(1)})`);
    process.exitCode = 1;
  }
if (values.rounds === '30')
  await writeFileWhole(
    inRepository('docs/results/gpu.md'),
    [
      '# The gpu backend in a browser\n',
      'Written by `npm run bench:gpu`: batch 1, one image of 3×32×32 in, ten numbers out; medians of alternating rounds',
      'in one page, fastest tenth in brackets. `gpu` is the backend on WebGL 2, with four channels to a texel;',
      '`tfjs-webgl` the WebGL backend of TensorFlow.js with its fused kernels, read with `dataSync`; `one channel` our',
      'kernels as gpu.js code is mostly written, one number to a texel; `loops` the reference interpreter. Every engine',
      'gets the same graph, with batch normalisation and activations folded. Above 1.00x, ours is faster than TensorFlow.js.',
      'Every figure is a whole run: the input is uploaded, all kernels run, the output is read back, which waits for them.\n',
      table,
      'The last row is a network as good as empty: what transfers, and starting kernels, take at least.\n',
      '## Transfers apart\n',
      'The parts of `gpu`, medians as `profile` has them: each kernel is waited for, so the sum is more than a run takes.\n',
      transfers,
      '## What software rendering can tell\n',
      'WebGL ran in software here: shaders are compiled to vector code of the processor. That they are right, that nothing',
      'leaks, and how much arithmetic and how many texel reads kernels take can be seen; the last is what the ratios above',
      'rest on: a thread of ours makes four pixels, which read weights once and inputs that filters share once, so 3×3',
      'layers do 10.7 multiply-accumulates for each texel read, pointwise ones 8, where the 2×2 tiles of TensorFlow.js do 4.',
      'A real GPU gains from that as well, as long as a quarter of the threads still fills it. What it can’t tell:',
      'milliseconds on a GPU, whose texture caches make repeated reads cheap, whose hundreds of cores small maps (4×4 and',
      '2×2 at the end of these networks) leave idle, and where starting a kernel and moving data over a bus may cost more',
      'than the arithmetic of a small layer. Depthwise layers, which are limited by memory, gain less there than their',
      'count of multiply-accumulates says. Measure on the device that counts.\n',
      `${machine}; ${browser}.\n`,
    ].join('\n'),
  );
