/** The page on performance, and its pictures, from what was measured. */
import { formatCount, formatRatio, significant } from 'decouple';
import { markdownTable } from '../report.ts';
import { drawPlot, type Series } from '../paper/plot.ts';
import {
  directShares,
  furtherLayerMs,
  judgeAll,
  ratioOf,
  realisedShare,
  type Find,
} from './bars.ts';
import { drawBars } from './chart.ts';
import { engineNames, peerNames, type EngineName } from './engines.ts';
import { networkNames, networks, variants } from './networks.ts';
import type { ByEngine, DenseRecord, Kept, PartName, Times } from './records.ts';

export interface Page {
  readonly markdown: string;
  /** Pictures by file name. */
  readonly pictures: ReadonlyMap<string, string>;
}

const ms = (times: Times | undefined): string => {
  if (!times) return '';
  return times.failed === undefined ? significant(times.medianMs) : 'can’t run it';
};
const speed = (times: ByEngine, peer: EngineName): string => {
  const ratio = ratioOf(times, peer, 'ours');
  return Number.isNaN(ratio) ? '' : formatRatio(ratio, 1);
};
const rate = (macs: number, times: Times | undefined): number =>
  macs / (times?.medianMs ?? NaN) / 1e6;
const fixed = (value: number, digits = 2): string =>
  Number.isNaN(value) ? '' : value.toFixed(digits);
const megabytes = (bytes: number): string => significant(bytes / 1e6);

type DenseRow = { readonly title: string; readonly record: DenseRecord };

const denseRows = (find: Find): DenseRow[] =>
  networkNames.flatMap((name) => {
    const kept = find(`dense/${name}`);
    return kept ? [{ title: networks[name].title, record: kept.record }] : [];
  });

function wholeNetworks(rows: readonly DenseRow[], page: string): string {
  return `## Whole networks

Milliseconds of one image on one thread. *Ours, direct* is this project without Winograd’s algorithm, which computes 3×3
convolutions with fewer multiplications. Ratios are the other engine’s median over ours: above 1, ours is faster.

${markdownTable(
  [
    'network',
    'MACs',
    ...engineNames,
    ...peerNames.map((name) => `${name} : ours`),
    'outputs differ by',
  ],
  rows.map(({ title, record: { macs, times } }) => [
    title,
    formatCount(macs),
    ...engineNames.map((name) => ms(times[name])),
    ...peerNames.map((name) => speed(times, name)),
    Math.max(...Object.values(times).map(({ maxRel }) => maxRel || 0)).toExponential(1),
  ]),
)}
![Time of each engine, as multiples of ours](${page}-networks.svg)

The same as multiply-accumulates (MACs) a second, and as a share of what one core can do: a loop of 128-bit fused
multiply-adds in registers, the best of a hundred bursts beside each network. Winograd’s kernels count the MACs of the plain convolution, so
*ours* can pass 1; the share of *ours, direct* is the one that says how well kernels use the core. The last columns are
what the cost model said beforehand, by rates of the machine that were measured beside each network.

${markdownTable(
  [
    'network',
    'limit, GMAC/s',
    'ours',
    'ours, direct',
    'share of the limit',
    'direct',
    'predicted, ms',
    'measured',
    'off by',
  ],
  rows.map(({ title, record: { macs, limit, times, predictedMs } }) => {
    const [all, direct] = [rate(macs, times.ours), rate(macs, times['ours, direct'])];
    const measured = times.ours?.medianMs ?? NaN;
    return [
      title,
      fixed(limit.best, 1),
      fixed(all, 1),
      fixed(direct, 1),
      fixed(all / limit.best),
      fixed(direct / limit.best),
      significant(predictedMs),
      significant(measured),
      `${fixed(100 * (predictedMs / measured - 1), 1)} %`,
    ];
  }),
)}`;
}

function networksPicture(rows: readonly DenseRow[]): string {
  return drawBars({
    title: 'Time for one image on one thread, as multiples of ours (shorter is faster)',
    xLabel: 'times as long as ours; numbers at the bars are milliseconds',
    legend: engineNames,
    groups: rows.map(({ title, record: { times } }) => ({
      label: title,
      bars: engineNames.map((name) => ({
        value: ratioOf(times, name, 'ours'),
        text: ms(times[name]),
      })),
    })),
  });
}

function variantTables(find: Find, page: string): string {
  const tables = networkNames.flatMap((name) => {
    const records = find(`variants/${name}`)?.record;
    const macs = find(`dense/${name}`)?.record.macs;
    if (!records || macs === undefined) return [];
    const rows = records.map((record) => {
      const cell = (base: EngineName, engine: EngineName = base): string => {
        const share = realisedShare(record, macs, base, engine);
        return Number.isNaN(share)
          ? 'can’t run it'
          : `${fixed((share * macs) / record.macs)}x (${fixed(share)})`;
      };
      return [
        record.variant,
        `${fixed(macs / record.macs)}x`,
        significant(record.times.ours?.medianMs ?? NaN),
        cell('ours, direct'),
        ...(['ours', ...peerNames] as const).map((engine) => cell(engine)),
      ];
    });
    return [
      `### ${networks[name].title}\n\n${markdownTable(['form', 'MACs fewer', 'ours, ms', 'ours, direct', 'ours', ...peerNames], rows)}`,
    ];
  });
  if (!tables.length) return '';
  return `## Cheaper forms: fewer MACs, fewer milliseconds

How much faster each engine gets when convolutions are decomposed: its median on the original over its median on the
cheaper form, in the same rounds; in brackets the realised share, that speed-up over the ratio of MACs. ND is network
decoupling with T terms, depthwise before pointwise (\`dw-pw\`) or after it (\`pw-dw\`); SD spatial, CD channel
decomposition; + one on top of the other. Parts come in closed form from the weights: what matters here is time, not
accuracy. *Ours, direct* compares direct kernels with direct kernels, and shows whether the kernels of the cheaper form are
as good as those of the original. *Ours* compares with our fastest original, in which Winograd’s algorithm already saves
up to three quarters of the multiplications of 3×3 layers: there a form with few fewer MACs gains nothing, which is why the
optimiser decides layer by layer on predicted milliseconds.

Others get decoupled layers in two layouts, one wide pair of convolutions and a sum of chains, and the faster one counts;
ours gets the wide one.

${tables.join('\n')}
![Speed-up of decoupled VGG16 against MACs](${page}-decoupled.svg)

${Object.entries(variants)
  .map(([name, pipeline]) => `- ${name}: \`${pipeline.replaceAll('layout=@, ', '')}\`\n`)
  .join('')}`;
}

function decoupledPicture(find: Find): string | undefined {
  const records = find('variants/vgg16')?.record.filter(({ variant }) =>
    variant.startsWith('ND dw-pw'),
  );
  const macs = find('dense/vgg16')?.record.macs;
  if (!records?.length || macs === undefined) return undefined;
  const ratios = records.map((record) => macs / record.macs);
  const series: Series[] = [
    { label: 'as the MACs', points: [1, ...ratios].map((ratio) => [ratio, ratio]) },
    ...(['ours, direct', 'ours', ...peerNames] as const).map((engine) => ({
      label: engine,
      points: [
        [1, 1] as const,
        ...records.flatMap((record, at) => {
          const ratio = ratios[at] as number;
          const gained = realisedShare(record, macs, engine) * ratio;
          return Number.isNaN(gained) ? [] : [[ratio, gained] as const];
        }),
      ],
    })),
  ];
  return drawPlot({
    title: 'VGG16 decoupled (dw-pw, T = 4…1): how much faster each engine gets',
    xLabel: 'MACs fewer',
    yLabel: 'speed-up against the same engine on the original',
    series,
    level: { y: 1, label: 'no faster' },
    yMin: 0,
  });
}

function kernelTables(find: Find): string {
  const records = find('kernels')?.record;
  const depthwise = find('depthwise')?.record;
  if (!records) return '';
  const nameOf = (shape: string): string => {
    const [size, inputs, outputs, kernel] = shape.split(',');
    return `${kernel}×${kernel}, ${inputs} → ${outputs}, ${size}²`;
  };
  const rows = records.map(({ shape, limit, kernels }) => {
    const cell = (name: string): string => {
      const found = kernels.find(({ kernel }) => kernel === name);
      return found ? `${fixed(found.rate, 1)} (${fixed(found.share)})` : '';
    };
    return [
      nameOf(shape),
      fixed(limit.median, 1),
      ...['gemm', 'winograd-f2', 'winograd-f4'].map(cell),
    ];
  });
  const range = (size: number): string => {
    const shares = directShares(records, size);
    return shares.length
      ? `${fixed(Math.min(...shares))} to ${fixed(Math.max(...shares))}`
      : 'not measured';
  };
  const layer = (engine: EngineName): number =>
    depthwise ? furtherLayerMs(depthwise, engine) : NaN;
  const names = ['ours', ...peerNames] as const;
  return `## Kernels

Single convolutions at VGG16’s shapes: GMAC/s, in brackets the share of the core’s limit. Of it,
direct 3×3 kernels reach ${range(3)} (the first layer, of three channels, apart), 1×1 kernels ${range(1)}.

${markdownTable(['convolution', 'limit, GMAC/s', 'direct', 'Winograd F(2×2)', 'Winograd F(4×4)'], rows)}
${
  depthwise
    ? `A depthwise 3×3 convolution of a 56×56 map of 256 channels, as a network of its own, and as what each of eight more such
layers adds. The first includes bringing 3.2 MB in and out.

${markdownTable(
  ['', ...names],
  [
    ['one layer, ms', ...names.map((name) => ms(depthwise.one[name]))],
    ['each further layer, ms', ...names.map((name) => significant(layer(name)))],
    ['one layer, against ours', ...names.map((name) => speed(depthwise.one, name))],
    [
      'each further layer, against ours',
      ...names.map((name) => formatRatio(layer(name), layer('ours'))),
    ],
  ],
)}`
    : ''
}`;
}

function threadTable(find: Find): string {
  const rows = networkNames.flatMap((name) => {
    const records = find(`threads/${name}`)?.record;
    if (!records) return [];
    const of = (engine: EngineName, threads: number): number =>
      records.find((each) => each.engine === engine && each.threads === threads)?.times.medianMs ??
      NaN;
    const [one, two] = [of('ours', 1), of('ours', 2)];
    const [nativeOne, nativeTwo] = [of('onnxruntime-node', 1), of('onnxruntime-node', 2)];
    const web = of('onnxruntime-web', 2);
    return [
      [
        networks[name].title,
        significant(one),
        significant(two),
        formatRatio(one, two),
        significant(web),
        significant(nativeTwo),
        formatRatio(nativeOne, nativeTwo),
        formatRatio(web, two),
        formatRatio(nativeTwo, two),
      ],
    ];
  });
  if (!rows.length) return '';
  return `## Two threads

tfjs-wasm runs on one thread in Node and is left out.

${markdownTable(
  [
    'network',
    'ours, 1 thread, ms',
    'ours, 2',
    'gain',
    'onnxruntime-web, 2',
    'onnxruntime-node, 2',
    'its gain',
    'web : ours',
    'node : ours',
  ],
  rows,
)}`;
}

function startTable(find: Find): string {
  const tables = networkNames.flatMap((name) => {
    const records = find(`start/${name}`)?.record;
    if (!records) return [];
    const rows = records.map(({ starter, importMs, loadMs, firstMs, steadyMs, peakBytes }) => [
      starter,
      significant(importMs),
      significant(loadMs),
      significant(firstMs),
      significant(steadyMs),
      formatRatio(firstMs, steadyMs),
      (peakBytes / 1e6).toFixed(0),
    ]);
    return [
      `### ${networks[name].title}\n\n${markdownTable(['', 'import, ms', 'load, ms', 'first run, ms', 'later runs, ms', 'first : later', 'peak memory, MB'], rows)}`,
    ];
  });
  if (!tables.length) return '';
  const memory = find('memory')?.record;
  const costs = memory
    ? `Memory that is new to a process costs ${significant(memory.freshMsPerMB)} ms a MB on this machine (transparent huge pages: ${memory.hugePages}), and
${significant(memory.knownMsPerMB)} ms when it is written to again: where new memory is dear, loading takes as long as there is memory to fill.`
    : '';
  return `## Loading, first run, memory

Each engine in a process of its own that does nothing else, one thread; medians of five processes in turns. *Import*
brings the engine’s code in, *load* goes from the file to what can be run (ours: read, import, choose kernels, generate and
compile code, pack weights), *peak memory* is the largest resident set of the whole process, of which Node itself takes
about 45 MB. *Ahead of time* is what \`decouple compile\` writes, run in plain Node; its
loader sets what the engine needs by itself. tfjs-wasm has no model file of these networks to load and is left out. ${costs}

${tables.join('\n')}`;
}

function sizeTable(find: Find): string {
  const records = find('sizes')?.record;
  if (!records) return '';
  return `## Sizes of code

${markdownTable(
  ['', 'MB', 'MB, gzip'],
  records.map(({ what, bytes, gzipBytes }) => [what, megabytes(bytes), megabytes(gzipBytes)]),
)}`;
}

function productText(find: Find): string {
  const record = find('product')?.record;
  if (!record) return '';
  const { pipeline, drop, macsRatio, optimisedMs, denseMs, webMs, nodeMs, predictedMs } = record;
  return `## The whole of it

\`npm run bench:product\` searches the fastest form of \`test-models/vgg16-cifar10.onnx\` that loses at most one point of
accuracy on the 10,000 test images of CIFAR-10, and measures it against the original. It found \`${pipeline}\`: ${fixed(macsRatio)}x
fewer MACs, ${fixed(drop)} points lost, ${significant(predictedMs)} ms predicted.

${markdownTable(
  ['', 'median ms', 'against ours, optimised'],
  [
    ['optimised, ours', significant(optimisedMs), ''],
    ['original, ours', significant(denseMs), formatRatio(denseMs, optimisedMs)],
    ['original, onnxruntime-web', significant(webMs), formatRatio(webMs, optimisedMs)],
    ['original, onnxruntime-node', significant(nodeMs), formatRatio(nodeMs, optimisedMs)],
  ],
)}`;
}

function barTable(find: Find): string {
  const judged = judgeAll(find);
  const count = (...kinds: readonly string[]): number =>
    judged.filter(({ met }) => kinds.includes(met)).length;
  const words = {
    aim: 'yes, aim',
    bar: 'yes',
    no: '**no**',
    'not measured': 'not measured',
  } as const;
  return `## Bars

What the CPU backend is meant to reach, and what came out above. ${count('aim', 'bar')} of ${judged.length} bars are met,
${count('aim')} of them with the aim; ${count('no')} are missed, ${count('not measured')} were not measured.

${markdownTable(
  ['', 'bar', 'aim', 'measured', 'met'],
  judged.map(({ what, bar, aim, measured, met }) => [what, bar, aim, measured, words[met]]),
)}`;
}

/** When and under what load parts were measured; those of other sources are named. */
function circumstances(kept: readonly Kept[], version: string): string {
  if (!kept.length) return 'Nothing was measured.';
  const loads = kept.flatMap(({ load }) => load);
  const dates = kept.map(({ at }) => at).sort();
  const day = (text: string | undefined): string => text?.slice(0, 10) ?? '';
  const old = kept.filter((each) => each.version !== version).map(({ part }) => `\`${part}\``);
  return `Measured from ${day(dates[0])} to ${day(dates.at(-1))}, ${(kept.reduce((sum, { seconds }) => sum + seconds, 0) / 60).toFixed(0)} minutes in all; load of
the machine before and after parts from ${fixed(Math.min(...loads), 1)} to ${fixed(Math.max(...loads), 1)} (what is measured makes up to 1, with two threads 2, of it).${
    old.length
      ? ` **Measured with other sources or engines than those at hand: ${old.join(', ')}.**`
      : ''
  }`;
}

export interface PageOptions {
  /** Name of the page, and what those of its pictures begin with. */
  readonly page: string;
  /** As `describeMachine` tells it. */
  readonly machine: string;
  readonly version: string;
  readonly note: string;
}

export function writePage(
  find: Find,
  parts: readonly PartName[],
  { page, machine, version, note }: PageOptions,
): Page {
  const kept = parts.flatMap((part) => find(part) ?? []);
  const rows = denseRows(find);
  const decoupled = decoupledPicture(find);
  const sections = [
    `# Performance

Written by \`npm run bench\`${note}. How fast networks run with the \`cpu\` backend of this project, against ONNX Runtime (as
WebAssembly: \`onnxruntime-web\`; as native code: \`onnxruntime-node\`) and TensorFlow.js (\`tfjs-wasm\`), all in Node.

- Machine: ${machine}.
- Batch 1, float32, one thread unless said. Engines take turns in rounds within one process, each network apart; figures
  are medians over rounds, so that all engines see the same machine, clock and load.
- Random weights with a fixed seed for the large networks, trained ones for the two small ones. Every engine gets the same
  input, and outputs are compared in the same run.
- Ratios tell more than milliseconds. Those to native code depend on the processor: WebAssembly has vectors of 128 bits, a
  native engine uses 256 or 512 where the core has them. Where the core executes these at full width, native code gains
  against all figures of WebAssembly here.
- ${circumstances(kept, version)}
`,
    rows.length ? wholeNetworks(rows, page) : '',
    variantTables(find, page),
    kernelTables(find),
    threadTable(find),
    startTable(find),
    sizeTable(find),
    productText(find),
    barTable(find),
  ];
  return {
    markdown: sections.filter((section) => section !== '').join('\n'),
    pictures: new Map([
      [`${page}-networks.svg`, networksPicture(rows)],
      ...(decoupled === undefined ? [] : [[`${page}-decoupled.svg`, decoupled] as const]),
    ]),
  };
}
