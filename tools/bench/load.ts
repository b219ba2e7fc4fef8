/**
 * Time to load a model from .onnx and from .dcpl: alternating rounds in one process, files included.
 *
 *   npm run generate -- vgg16 out/vgg16.onnx
 *   npm run bench:load -- out/vgg16.onnx [--rounds 7]
 */
import { rmSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { formatRatio, formatTable, OptionError, significant } from 'decouple';
import { readModel, writeModel } from 'decouple/node';
import { describeMachine } from '../report.ts';

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

async function timeOf(path: string): Promise<number> {
  const start = performance.now();
  await readModel(path);
  return performance.now() - start;
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: 'string', default: '7' } },
  });
  const [onnx] = positionals;
  const rounds = Number(values.rounds);
  if (!onnx?.endsWith('.onnx') || !(rounds >= 1))
    throw new OptionError('usage: npm run bench:load -- MODEL.onnx [--rounds 7]');
  const dcpl = `${onnx}.bench.dcpl`;
  await writeModel(dcpl, await readModel(onnx));
  try {
    const paths = [onnx, dcpl];
    const times = new Map<string, number[]>(paths.map((path) => [path, []]));
    for (let round = 0; round <= rounds; round++)
      for (const path of paths) {
        const ms = await timeOf(path);
        // The first round warms up the code and the page cache.
        if (round > 0) times.get(path)?.push(ms);
        globalThis.gc?.();
      }
    const medians = paths.map((path) => median(times.get(path) ?? []));
    const [first = Number.NaN] = medians;
    console.log(
      formatTable(
        [
          { header: 'file' },
          { header: 'MB', align: 'right' },
          { header: 'median ms', align: 'right' },
          { header: 'fastest ms', align: 'right' },
          { header: 'speed', align: 'right' },
        ],
        paths.map((path, index) => [
          path,
          significant(statSync(path).size / 1e6),
          significant(medians[index] ?? Number.NaN),
          significant(Math.min(...(times.get(path) ?? []))),
          formatRatio(first, medians[index] ?? Number.NaN),
        ]),
      ),
    );
    console.log(describeMachine());
  } finally {
    rmSync(dcpl, { force: true });
  }
}

await main();
