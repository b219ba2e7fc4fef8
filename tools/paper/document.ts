/** The report: tables from outcomes, and one plot for each network. */
import { describeMachine, markdownTable } from '../report.ts';
import { sourceOf, type NetworkName } from './networks.ts';
import { drawPlot, type Series } from './plot.ts';
import type { Outcome } from './pool.ts';
import { idOf, type Row } from './studies.ts';
import type { Result } from './rows.ts';
import type { Trial } from './trial.ts';

interface Measured {
  readonly row: Row;
  readonly result: Result;
}

const unitOf = (network: NetworkName): 'dB' | '%' => (sourceOf(network).preprocess ? '%' : 'dB');
const times = (ratio: number): string => `${ratio.toFixed(2)}x`;
const score = (network: NetworkName, value: number): string =>
  `${value.toFixed(2)} ${unitOf(network)}`;
const loss = ({ original }: Result, trial: Trial): string =>
  (original.test - trial.test).toFixed(2);

/** Trials that no other one beats in both ratio and score, by ratio. */
export function frontOf(trials: readonly Trial[]): Trial[] {
  const sorted = [...trials].sort((a, b) => b.ratio - a.ratio || b.test - a.test);
  let best = -Infinity;
  const front: Trial[] = [];
  for (const trial of sorted)
    if (trial.test > best) {
      best = trial.test;
      front.unshift(trial);
    }
  return front;
}

/**
 * The ratio at which the curve of the best trials loses `drop` on the test images, between trials by a straight line
 * over the logarithm of the ratio; the largest one tried where none loses as much.
 */
function ratioAt({ original, trials }: Result, drop: number): { ratio: number; beyond: boolean } {
  const curve = frontOf([original, ...trials]);
  const beyond = curve.findIndex(({ test }) => original.test - test > drop);
  if (beyond < 0) return { ratio: (curve.at(-1) as Trial).ratio, beyond: true };
  const [a, b] = [curve[beyond - 1], curve[beyond]] as [Trial | undefined, Trial];
  if (!a) return { ratio: 1, beyond: false };
  const place = (a.test - (original.test - drop)) / (a.test - b.test);
  return { ratio: a.ratio * (b.ratio / a.ratio) ** place, beyond: false };
}

/** What {@link ratioAt} finds, for a table. */
export function formatRatioAt(result: Result, drop: number): string {
  const { ratio, beyond } = ratioAt(result, drop);
  return `${beyond ? '> ' : ''}${times(ratio)}`;
}

const isMeasured = (outcome: Outcome): outcome is Measured & Outcome =>
  outcome.result !== undefined;

/** What was tried of a method for one drop counts for its other drops, too. */
function pooled(measured: readonly Measured[]): Measured[] {
  return measured.map(({ row, result: { original } }) => {
    const trials = measured
      .filter((other) => other.row.network === row.network && other.row.method === row.method)
      .flatMap(({ result }) => result.trials);
    const front = frontOf(trials);
    const best = front.findLast(({ test }) => original.test - test <= (row.drop as number));
    return { row, result: { original, trials: front, ...(best && { best }) } };
  });
}

const pipelines = (measured: readonly Measured[]): string =>
  measured
    .flatMap(({ row, result: { best } }) =>
      best
        ? [
            `- ${row.method}${row.drop === undefined ? '' : ` (≤ ${row.drop})`}: \`${best.pipeline}\`\n`,
          ]
        : [],
    )
    .join('');

function searchTable(measured: readonly Measured[]): string {
  const network = (measured[0] as Measured).row.network;
  const withPaper = measured.some(({ row }) => row.paper !== undefined);
  const headers = [
    'method',
    'drop allowed',
    ...(withPaper ? ['paper'] : []),
    'fewer at that drop',
    'best tried',
    'test',
    'drop',
    'seconds',
  ];
  const rows = measured.map(({ row, result }) => {
    const { best } = result;
    return [
      row.method,
      String(row.drop),
      ...(withPaper ? [row.paper === undefined ? '' : times(row.paper)] : []),
      ...(best
        ? [
            formatRatioAt(result, row.drop as number),
            times(best.ratio),
            score(network, best.test),
            loss(result, best),
            best.seconds.toFixed(0),
          ]
        : ['none found', '', '', '', '']),
    ];
  });
  return markdownTable(headers, rows);
}

/** For each method, what network decoupling on top of it brings. */
function stackingTable(measured: readonly Measured[]): string {
  const ratioOf = (method: string): number | undefined => {
    const found = measured.find(({ row }) => row.method === method);
    return found && ratioAt(found.result, found.row.drop as number).ratio;
  };
  const rows = ['CP', 'SD', 'CD'].flatMap((name) => {
    const [alone, stacked] = [ratioOf(name), ratioOf(`ND+${name}`)];
    if (alone === undefined || stacked === undefined) return [];
    const gain = stacked / alone;
    return [[name, times(alone), times(stacked), gain > 1 ? times(gain) : `none (${times(gain)})`]];
  });
  if (!rows.length) return '';
  return `### Decoupling on top of other methods\n\nAt the drop allowed, on the curves of all trials.\n\n${markdownTable(['method', 'alone', 'with ND', 'MACs fewer by ND'], rows)}\n`;
}

function syntheticTable(measured: readonly Measured[]): string {
  return markdownTable(
    ['network', 'method', 'calibration', 'fewer MACs', 'test', 'drop'],
    measured.flatMap(({ row, result }) =>
      result.best
        ? [
            [
              sourceOf(row.network).title,
              row.method,
              row.calibration,
              times(result.best.ratio),
              score(row.network, result.best.test),
              loss(result, result.best),
            ],
          ]
        : [],
    ),
  );
}

function plotOf(network: NetworkName, measured: readonly Measured[]): string {
  const { original } = (measured[0] as Measured).result;
  const methods = [...new Set(measured.map(({ row }) => row.method))];
  const series = methods.map((label): Series => {
    const trials = measured
      .filter(({ row }) => row.method === label)
      .flatMap(({ result }) => result.trials);
    return {
      label,
      points: frontOf([original, ...trials]).map(({ ratio, test }) => [ratio, test]),
    };
  });
  const unit = unitOf(network);
  const drop = unit === 'dB' ? 0.1 : 1;
  return drawPlot({
    title: sourceOf(network).title,
    xLabel: 'MACs before / MACs afterwards',
    yLabel: unit === 'dB' ? 'PSNR on the test images, dB' : 'top-1 accuracy on the test images, %',
    series,
    level: { y: original.test - drop, label: `${drop} ${unit === 'dB' ? 'dB' : 'point'} less` },
    yMin: original.test - 4 * drop,
  });
}

export interface Document {
  readonly markdown: string;
  /** By file name. */
  readonly plots: ReadonlyMap<string, string>;
}

/** How much work all trials were, without repetitions. */
function effort(measured: readonly Measured[]): string {
  const seconds = new Map(
    measured.flatMap(({ row, result: { original, trials } }) =>
      [original, ...trials].map((trial): [string, number] => [
        `${row.network} ${row.calibration} ${trial.pipeline}`,
        trial.seconds,
      ]),
    ),
  );
  const whole = [...seconds.values()].reduce((sum, each) => sum + each, 0);
  return `${seconds.size} networks were built and measured, in ${(whole / 60).toFixed(0)} minutes of one process; two work at a time.`;
}

/** @param note what the reader must know about how much was measured. */
export function writeDocument(outcomes: readonly Outcome[], note: string): Document {
  const measured = outcomes.filter(isMeasured);
  const plots = new Map<string, string>();
  const searched = pooled(measured.filter(({ row }) => row.drop !== undefined));
  const sections = [...new Set(searched.map(({ row }) => row.network))].map((network) => {
    const own = searched.filter(({ row }) => row.network === network);
    const { original } = (own[0] as Measured).result;
    const file = `paper-${network}.svg`;
    plots.set(file, plotOf(network, own));
    return `## ${sourceOf(network).title}

The original: ${(original.macs / 1e6).toFixed(1)} M MACs, ${score(network, original.test)} on the test images.

${searchTable(own)}
![Fewer MACs against quality: ${sourceOf(network).title}](${file})

${stackingTable(own)}<details><summary>Pipelines</summary>

${pipelines(own)}
</details>
`;
  });
  const synthetic = measured.filter(({ row }) => row.section === 'synthetic');
  const failed = outcomes.flatMap((outcome) =>
    outcome.failed === undefined ? [] : [`- ${idOf(outcome.row)}: ${outcome.failed}\n`],
  );
  const markdown = [
    `# The paper's table, and past it

Written by \`npm run paper\`. ${note} ${effort(measured)} ${describeMachine()}.

Methods: network decoupling (ND), channel pruning (CP), spatial (SD) and channel decomposition (CD), stacks of them, and
\`decompose\`, which takes the best of all for each layer (mixed). The paper (Guo et al., BMVC 2018) measured the full-size VGG16 on
ImageNet at 1.0 % less top-5 accuracy; here drops are in points of top-1 accuracy. Fits see calibration images alone. Of each
method only the budget is searched, on the test images as in papers: training images left out of the
calibration say less, because the networks were trained on them. "Fewer at that drop" lies on the curve of all trials, "best tried" is the largest ratio
tried within it.
"Seconds" is the time of one optimisation with its evaluations, on one core.
`,
    ...sections,
    ...(synthetic.length
      ? [
          `## Without any data\n\nCalibration on drawn images (dead leaves and pink noise) instead of pictures.\n\n${syntheticTable(synthetic)}\n<details><summary>Pipelines</summary>\n\n${pipelines(synthetic)}\n</details>\n`,
        ]
      : []),
    ...(failed.length ? [`## Rows without a result\n\n${failed.join('')}`] : []),
  ].join('\n');
  return { markdown, plots };
}
