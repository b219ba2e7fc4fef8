/**
 * The CPU backend against onnxruntime-web, tfjs-wasm and onnxruntime-node: whole networks, cheaper forms of them,
 * kernels, threads, loading, memory, sizes. Writes docs/results/performance.md and its pictures. Each part is measured in
 * a process of its own and kept in a cache: a run that was stopped goes on, and parts of other sources, engines or
 * machines are measured anew.
 *
 *   npm run bench                        all that is not in the cache, about 20 minutes; best on an idle machine
 *   npm run bench -- --only dense        measures parts whose name starts so anew, such as dense, dense/vgg16, kernels
 *   npm run bench -- --fresh             measures everything anew, the rates of the cost model too
 *   npm run bench -- --cached            measures nothing, writes what there is
 *   npm run bench -- --page NAME         writes docs/results/NAME.md: pages of several machines beside each other
 *   npm run bench -- --quick             the small networks, few rounds, in a minute; writes to out/bench
 *   npm run bench:product                adds the fastest form of a network to the page
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf, OptionError } from 'decouple';
import { machineRates, writeFileWhole } from 'decouple/node';
import { formatMarkdown } from '../docs/format.ts';
import { describeMachine } from '../report.ts';
import { writePage } from './document.ts';
import { inRepository } from './networks.ts';
import { partNames, type Settings } from './parts.ts';
import { RecordStore, type PartName, type Records } from './records.ts';
import type { FromWorker, ToWorker } from './worker.ts';

/** Outputs of engines may differ by rounding and by Winograd’s; more is a wrong answer. */
const tolerance = 1e-3;

const startWorker = (): ChildProcess =>
  fork(fileURLToPath(new URL('worker.ts', import.meta.url)), {
    execArgv: ['--conditions=@decouple/source', '--import', 'tsx'],
  });

function measure(
  worker: ChildProcess,
  part: PartName,
  settings: Settings,
): Promise<Records[PartName]> {
  return new Promise((resolve, reject) => {
    worker.once('message', (message: FromWorker) => {
      if ('record' in message) resolve(message.record);
      else reject(new Error(message.failed));
    });
    worker.once('exit', (code, signal) =>
      reject(new Error(`its process ended with ${signal ?? `code ${code}`}`)),
    );
    worker.send({ part, ...settings } satisfies ToWorker);
  });
}

const loadNow = (): number => loadavg()[0] as number;

/** Names of engines whose outputs are another’s, wherever they stand in a record. */
function wrongOutputs(record: unknown, path = ''): string[] {
  if (typeof record !== 'object' || record === null) return [];
  return Object.entries(record).flatMap(([key, value]) => {
    if (key === 'maxRel' && typeof value === 'number' && value > tolerance)
      return [`${path}: outputs differ by ${value.toExponential(1)}`];
    return wrongOutputs(value, `${path} ${key}`.trim());
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      fresh: { type: 'boolean', default: false },
      cached: { type: 'boolean', default: false },
      cache: { type: 'string' },
      page: { type: 'string', default: 'performance' },
    },
  });
  const { quick, only, fresh, cached, page } = values;
  // Quick figures are not worth keeping.
  const folder =
    values.cache ?? (quick ? mkdtempSync(join(tmpdir(), 'decouple-bench-')) : undefined);
  const store = new RecordStore(folder);
  const parts = partNames(quick);
  const wanted = parts.filter((part) => only !== undefined && part.startsWith(only));
  if (only !== undefined && wanted.length === 0)
    throw new OptionError(`no part starts with '${only}'; there are ${parts.join(', ')}`);
  const isDue = (part: PartName): boolean => {
    if (cached) return false;
    if (only !== undefined) return wanted.includes(part);
    return fresh || store.find(part)?.version !== store.version;
  };
  const machine = describeMachine().replace(/, load .*/, '');
  if (!cached) await machineRates({ fresh });
  const due = parts.filter(isDue);
  // Starting onnxruntime-web takes longer than all of the quick form: it has one process for all.
  let worker: ChildProcess | undefined;
  for (const [index, part] of due.entries()) {
    const [before, start] = [loadNow(), performance.now()];
    console.error(`${part} (${index + 1} of ${due.length}), load ${before.toFixed(1)}`);
    try {
      if (!worker?.connected) worker = startWorker();
      const record = await measure(worker, part, { quick });
      const seconds = (performance.now() - start) / 1000;
      const load = [before, loadNow()] as const;
      await store.keep({ part, record, at: new Date().toISOString(), load, seconds });
      for (const wrong of wrongOutputs(record)) {
        console.error(`${part}: ${wrong}`);
        process.exitCode = 1;
      }
    } catch (error) {
      console.error(`${part}: ${messageOf(error)}`);
      process.exitCode = 1;
    }
    if (!quick && worker?.connected) worker.disconnect();
  }
  if (worker?.connected) worker.disconnect();
  const { markdown, pictures } = writePage((part) => store.find(part), [...parts, 'product'], {
    page,
    machine,
    version: store.version,
    note: quick ? ' in its quick form: **these figures only show that things work**' : '',
  });
  const target = inRepository(quick ? 'out/bench' : 'docs/results');
  for (const [name, svg] of pictures) await writeFileWhole(join(target, name), svg);
  const path = join(target, `${page}.md`);
  await writeFileWhole(path, await formatMarkdown(markdown, path));
  console.log(`${markdown}\nwrote ${path}`);
}

main().catch((error: unknown) => {
  console.error(messageOf(error));
  process.exitCode = 1;
});
