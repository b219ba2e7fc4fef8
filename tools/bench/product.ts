/**
 * The whole of it: the fastest form of a CIFAR-10 classifier that loses at most one point, searched by predicted
 * milliseconds, against the original on ONNX Runtime and on our own best dense kernels, in alternating rounds.
 * The images come from `tools/train/fetch_cifar10.py`. Trials are remembered, so that it can be stopped and run again;
 * what comes out is kept for the page that `npm run bench -- --cached` writes.
 *
 *   npm run bench:product
 */
import { homedir, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  benchmark,
  formatRatio,
  metricByName,
  predict,
  search,
  significant,
  totalCost,
} from 'decouple';
import { backendByName, folderStore, machineRates, openDataset, readModel } from 'decouple/node';
import { describeMachine, markdownTable, progressLines } from '../report.ts';
import { RecordStore } from './records.ts';

const model = fileURLToPath(new URL('../../test-models/vgg16-cifar10.onnx', import.meta.url));
const cache = join(homedir(), '.cache/decouple');
const preprocess = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] };
const images = (name: string) => openDataset(join(cache, 'cifar10', name), { preprocess });

const [started, loadBefore] = [performance.now(), loadavg()[0] as number];
const graph = await readModel(model);
const rates = await machineRates();
const test = images('test_x.npy');
const progress = progressLines('search');
const found = await search(graph, {
  limits: { drop: 1 },
  minimize: 'ms',
  rates,
  metric: metricByName('top1', test),
  metricData: test,
  calibration: images('train_x.npy'),
  samples: 1024,
  backend: backendByName('cpu'),
  store: folderStore(join(cache, 'search')),
  onProgress: ({ done, total, pipeline }) => progress(done, total, pipeline),
});
const ours = backendByName('cpu', { rates });
const results = await benchmark([
  { model: 'optimised', graph: found.graph, backend: ours },
  { model: 'original', graph, backend: ours },
  { model: 'original', graph, backend: backendByName('onnxruntime-web') },
  { model: 'original', graph, backend: backendByName('onnxruntime-node') },
]);
const [best] = results;
const predicted = [found.graph, graph].map(async (each) => (await predict(each, { rates })).ms);
const [optimisedMs = NaN, originalMs = NaN] = await Promise.all(predicted);
console.log(`${found.best.pipeline}: drop ${found.best.drop?.toFixed(2) ?? '?'} points`);
console.log(`predicted ${significant(optimisedMs)} ms, original ${significant(originalMs)} ms\n`);
console.log(
  markdownTable(
    ['network', 'engine', 'median ms', 'against ours, optimised'],
    results.map(({ model: name, backend, medianMs }) => [
      name,
      backend,
      significant(medianMs),
      formatRatio(medianMs, best?.medianMs ?? NaN),
    ]),
  ),
);
console.log(describeMachine());
const [optimised, dense, web, native] = results.map(({ medianMs }) => medianMs);
await new RecordStore().keep({
  part: 'product',
  record: {
    pipeline: found.best.pipeline,
    drop: found.best.drop ?? NaN,
    macsRatio: totalCost(graph).macs / totalCost(found.graph).macs,
    predictedMs: optimisedMs,
    optimisedMs: optimised ?? NaN,
    denseMs: dense ?? NaN,
    webMs: web ?? NaN,
    nodeMs: native ?? NaN,
  },
  at: new Date().toISOString(),
  load: [loadBefore, loadavg()[0] as number],
  seconds: (performance.now() - started) / 1000,
});
