/**
 * Throws damaged and absurd input at everything that reads files. See README.md.
 *
 *   npm run fuzz                            every format, a minute in all
 *   npm run fuzz -- onnx npy --minutes 10   some formats
 *   npm run fuzz -- --seed 7 --json         another seed; JSON
 *   npm run fuzz -- --report                writes docs/results/robustness.md
 */
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { writeFileWhole } from 'decouple/node';
import { markdownTable } from '../report.ts';
import { formats } from './formats.ts';
import { tryFormat, type Tally } from './watch.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
  },
});

const names = formats.map(({ name }) => name);
const unknown = positionals.find((name) => !names.includes(name));
if (unknown !== undefined) {
  console.error(`no format '${unknown}'; formats are ${names.join(', ')}`);
  process.exit(2);
}

const count = (number: number): string => number.toLocaleString('en');

function tableOf(tallies: readonly Tally[]): string {
  const classes = [...new Set(tallies.flatMap(({ errors }) => Object.keys(errors)))].sort();
  return markdownTable(
    [
      'format',
      'inputs',
      'accepted',
      ...classes,
      'slowest, ms',
      'largest process, MB',
      'crashes',
      'hangs',
      'other findings',
    ],
    tallies.map((tally) => [
      tally.format,
      count(tally.inputs),
      count(tally.accepted),
      ...classes.map((name) => count(tally.errors[name] ?? 0)),
      tally.slowestMs.toFixed(0),
      (tally.peakBytes / 1e6).toFixed(0),
      count(tally.crashes),
      count(tally.hangs),
      count(tally.findings.length - tally.crashes - tally.hangs),
    ]),
  );
}

const chosen = formats.filter(({ name }) => !positionals.length || positionals.includes(name));
const seconds = (60 * Number(values.minutes)) / chosen.length;
const tallies: Tally[] = [];
for (const format of chosen) {
  const tally = await tryFormat(format, Number(values.seed), seconds);
  tallies.push(tally);
  if (!values.json)
    console.log(
      `${tally.format}: ${count(tally.inputs)} inputs, ${count(tally.accepted)} accepted, ${tally.findings.length} findings`,
    );
  for (const { message, file } of tally.findings)
    console.error(`  ${message}\n    kept as ${file}`);
}

const table = tableOf(tallies);
const [inputs, findings] = [
  tallies.reduce((sum, tally) => sum + tally.inputs, 0),
  tallies.reduce((sum, tally) => sum + tally.findings.length, 0),
];
if (values.json) console.log(JSON.stringify({ tallies }, undefined, 2));
else console.log(`\n${table}\nfuzz: ${count(inputs)} inputs, ${findings} findings`);
if (values.report)
  await writeFileWhole(
    fileURLToPath(new URL('../../docs/results/robustness.md', import.meta.url)),
    [
      '# Robustness\n',
      `Written by \`npm run fuzz -- --report\`: ${values.minutes} minutes, seed ${values.seed}. Each input is damaged or makes no`,
      'sense, and is read and put to use: verified, inspected, optimised, exported, compiled and run where it is small.',
      'It must be accepted or give an error of the project that is no internal error, within one second of processor',
      'time and 500 MB. "Largest process" is the memory of the one process that tried all inputs of a format.\n',
      table,
    ].join('\n'),
  );
process.exitCode = findings ? 1 : 0;
