/**
 * The paper's table, and past it: MACs against accuracy of all methods and stacks. Writes docs/results/paper.md and
 * its plots. What was measured is kept in a cache, so that a run that was stopped goes
 * on; changed sources are measured anew. CIFAR-10 comes from tools/train/fetch_cifar10.py.
 *
 *   npm run paper                       the networks of this repository
 *   npm run paper -- --models DIR       with models of others: DIR/models/{resnet20,resnet32}-cifar10/*.onnx
 *                                       (akamaster/pytorch_resnet_cifar10), DIR/models/dncnn-25-kair/dncnn_25.onnx
 *                                       (cszn/KAIR), DIR/data/photos (of scikit-image), DIR/data/set12
 *   npm run paper -- --quick            a few rows on few images, in minutes, without CIFAR-10; writes to out/paper
 *   --only TEXT                         rows whose name holds TEXT; writes to out/paper
 *   --cached                            measures nothing, writes what is in the cache: rows that lack something are named
 *   --cache DIR, --processes 2
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DataError, messageOf } from 'decouple';
import { writeFileWhole } from 'decouple/node';
import { formatMarkdown } from '../docs/format.ts';
import { writeDocument } from './document.ts';
import { inRepository, modelPath, requireCifar, type Settings } from './networks.ts';
import { measureRows, type Outcome } from './pool.ts';
import { allRows, idOf, quickRows, type Row } from './studies.ts';
import { codeVersion } from './trial.ts';

const notes = {
  full: 'Calibrated on 1,024 of the first 40,000 CIFAR-10 training images; accuracy on all 10,000 test images.',
  quick: '**Quick form**: few images, few rows; figures only show that things work.',
};

function requireModels(rows: readonly Row[], settings: Settings): void {
  for (const { network } of rows) {
    const path = modelPath(network, settings);
    if (!existsSync(path))
      throw new DataError(`${path} is missing; --models names a folder with models of others`);
  }
}

async function write(outcomes: readonly Outcome[], note: string, folder: string): Promise<void> {
  const { markdown, plots } = writeDocument(outcomes, note);
  for (const [name, svg] of plots) await writeFileWhole(join(folder, name), svg);
  const path = join(folder, 'paper.md');
  await writeFileWhole(path, await formatMarkdown(markdown, path));
  console.log(`${markdown}\nwrote ${path}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      cached: { type: 'boolean', default: false },
      models: { type: 'string' },
      only: { type: 'string' },
      cache: { type: 'string', default: join(homedir(), '.cache/decouple/paper') },
      processes: { type: 'string', default: '2' },
    },
  });
  const { quick, models, only } = values;
  const settings: Settings = { quick, models: models ?? '' };
  const rows = (quick ? quickRows() : allRows(models !== undefined)).filter(
    (row) => only === undefined || idOf(row).includes(only),
  );
  if (!quick) requireCifar();
  requireModels(rows, settings);
  const version = codeVersion();
  const outcomes = await measureRows({
    rows,
    settings,
    cache: { folder: values.cache, version },
    processes: Number(values.processes),
    cachedOnly: values.cached,
    log: (line) => console.error(line),
  });
  const partial = quick || only !== undefined;
  await write(
    outcomes,
    `${quick ? notes.quick : notes.full} Digest of the sources: ${version.slice(0, 8)}.`,
    inRepository(partial ? 'out/paper' : 'docs/results'),
  );
  if (!values.cached && outcomes.some(({ failed }) => failed !== undefined)) process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(messageOf(error));
  process.exitCode = 1;
});
