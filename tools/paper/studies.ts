/**
 * What is measured. A row is one method on one network: either the largest ratio of MACs within a drop, searched over
 * pipelines with a free budget `$`, or fixed ratios.
 */
import type { NetworkName } from './networks.ts';

export type Section = 'stacks' | 'drops' | 'synthetic';

export interface Row {
  readonly section: Section;
  readonly network: NetworkName;
  readonly method: string;
  readonly calibration: 'images' | 'synthetic' | 'none';
  /** Pipelines with `$` for the share of MACs; of a search the best one counts. */
  readonly families: readonly string[];
  /** Largest drop, in points or dB; without it the pipelines run at `start` alone. */
  readonly drop?: number;
  /** Ratio of MACs that is tried first. */
  readonly start: number;
  /** Smallest step between ratios that are tried. Default 1.2. */
  readonly precision?: number;
  /** The paper's ratio on the full-size VGG16. */
  readonly paper?: number;
}

export const idOf = ({ network, method, drop, calibration }: Row): string =>
  [
    network,
    method,
    ...(drop === undefined ? [] : [`≤ ${drop}`]),
    ...(calibration === 'images' ? [] : [calibration]),
  ].join(' ');

/** Passes by the paper's abbreviations. */
const passes = {
  ND: 'decouple',
  CP: 'channel-prune',
  SD: 'spatial-decompose',
  CD: 'channel-decompose',
};
type Abbreviation = keyof typeof passes;

/** Iterations of the ReLU-aware refinement of whatever is fitted last. */
const relu = 'relu=6';

/** A stack: each pass takes its part of the logarithm of the ratio; a joint refit ends it. */
function stack(names: readonly Abbreviation[], parts: readonly number[]): string {
  const whole = parts.reduce((sum, part) => sum + part, 0);
  const steps = names.map((name, index) => {
    const part = ((parts[index] as number) / whole).toFixed(2);
    return `${passes[name]}{macs=$^${part}x}`;
  });
  return ['fold-batch-norm', ...steps, `refit{${relu}}`].join(', ');
}

const alone = (name: Abbreviation): string[] => [
  `fold-batch-norm, ${passes[name]}{macs=$x, ${relu}}`,
];

/** In stacks of two the later pass takes two thirds of the logarithm of the ratio. */
const pair = (...names: [Abbreviation, Abbreviation]): string[] => [stack(names, [1, 2])];

/** For each layer the best of some methods and of stacks of them. */
const perLayer = (share: string, ...methods: readonly string[]): string => {
  const named = methods.length ? `, methods=[${methods.join(', ')}]` : '';
  return `decompose{macs=${share}${named}, ${relu}}`;
};

const best = (...methods: readonly string[]): string[] => [
  `fold-batch-norm, ${perLayer('$x', ...methods)}`,
];

const mixed = best();
/** Layers weighed by what errors in them do to the outputs: helps one of the ResNets and costs the others. */
const weighed = [`fold-batch-norm, decompose{macs=$x, sensitivity=1, ${relu}}`];
const plain = ['fold-batch-norm, decompose{macs=$x}'];

/** Pruning takes a fifth of the logarithm of the ratio. */
const pruned = (...methods: readonly string[]): string =>
  `fold-batch-norm, channel-prune{macs=$^0.2x}, ${perLayer('$^0.8x', ...methods)}`;

/** @param start a guess; a good one saves trials. */
const vgg = (method: string, families: readonly string[], start: number, paper?: number): Row => ({
  section: 'stacks',
  network: 'vgg16',
  method,
  calibration: 'images',
  families,
  drop: 1,
  start,
  precision: 1.1,
  ...(paper && { paper }),
});

/**
 * The rows of the paper (Guo et al., VGG16 on ImageNet at 1.0 % less top-5), then the choice per layer. Stacks of
 * decompositions are made per layer: one method, the other, or one inside the other (`channel-…`), as the budget
 * has it. Channels are decomposed at the outputs, at the inputs or at both (`channel-channel`).
 */
const vggRows: readonly Row[] = [
  vgg('ND', alone('ND'), 2.85, 1.8),
  vgg('CP', alone('CP'), 1.9, 1.56),
  vgg('SD', alone('SD'), 3.1, 2.15),
  vgg('CD', best('channel', 'channel-channel'), 2.38, 2.37),
  vgg('ND+CP', pair('CP', 'ND'), 3, 1.82),
  vgg('ND+SD', best('decouple', 'spatial'), 2.95, 3.73),
  vgg('ND+CD', best('decouple', 'channel', 'channel-decouple', 'channel-channel'), 3.29, 3.28),
  vgg('CD+SD', best('spatial', 'channel', 'channel-spatial', 'channel-channel'), 3.15, 3.58),
  vgg('CD+SD+CP', [pruned('spatial', 'channel', 'channel-spatial', 'channel-channel')], 3.15, 3.14),
  vgg('ND+CD+SD', mixed, 3.3, 3.61),
  vgg('mixed', [...mixed, pruned()], 3.3),
];

const within = (
  network: NetworkName,
  method: string,
  families: readonly string[],
  drop: number,
  start: number,
): Row => ({ section: 'drops', network, method, calibration: 'images', families, drop, start });

/** Where little may be lost the refinement does not pay. @param large pipelines beyond that. */
const mixedRows = (network: NetworkName, large: readonly string[]): Row[] =>
  (
    [
      [0.5, 1.9],
      [1, 2.25],
      [2, 2.8],
    ] as const
  ).map(([drop, start]) => within(network, 'mixed', drop < 1 ? plain : large, drop, start));

/** The one network that gains by weights where little may be lost. */
const weighedRows: readonly Row[] = (
  [
    [0.5, 1.8],
    [0.55, 1.88],
    [1, 2.1],
    [1.3, 2.35],
    [2, 2.8],
    [2.9, 3.3],
  ] as const
).map(([drop, start]) =>
  within('resnet20-akamaster', 'mixed', drop < 2 ? weighed : [...mixed, ...weighed], drop, start),
);

const atOne = (network: NetworkName, names: readonly Abbreviation[]): Row[] =>
  names.map((name) => within(network, name, alone(name), 1, 1.7));

/** Without pictures, at the ratio of 2.2. */
const syntheticRows = (network: NetworkName): Row[] =>
  (
    [
      ['weights only', 'none', 'decouple{macs=$x}'],
      ['ND', 'synthetic', 'decouple{macs=$x}'],
      ['ND, terms by elimination', 'synthetic', 'decouple{macs=$x, adaptive=elimination}'],
      ['mixed', 'synthetic', 'decompose{macs=$x}'],
      ['SD', 'synthetic', 'spatial-decompose{macs=$x}'],
      ['ND, for comparison', 'images', 'decouple{macs=$x}'],
    ] as const
  ).map(([method, calibration, text]) => ({
    section: 'synthetic',
    network,
    method,
    calibration,
    families: [`fold-batch-norm, ${text}`],
    start: 2.2,
  }));

const denoiserRows = [
  within('dncnn-25', 'mixed', mixed, 0.1, 1.16),
  within('dncnn-25', 'ND', alone('ND'), 0.1, 1.13),
];

/** @param foreign whether the models of others are there, too. */
export const allRows = (foreign: boolean): Row[] => [
  ...vggRows,
  ...mixedRows('resnet20', mixed),
  ...atOne('resnet20', ['ND']),
  ...syntheticRows('resnet20'),
  ...(foreign
    ? [
        ...weighedRows,
        ...syntheticRows('resnet20-akamaster'),
        ...mixedRows('resnet32-akamaster', mixed),
        ...denoiserRows,
      ]
    : []),
];

/** A little of each kind; the VGG takes too long. */
export const quickRows = (): Row[] => [
  within('resnet20', 'mixed', mixed, 1, 2.2),
  within('resnet20', 'ND', alone('ND'), 1, 1.8),
  ...syntheticRows('resnet20').slice(0, 2),
];
