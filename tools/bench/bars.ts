/** What the CPU backend is meant to reach, judged by the figures that were measured. */
import { formatRatio, significant } from 'decouple';
import type { EngineName } from './engines.ts';
import type { NetworkName } from './networks.ts';
import type {
  ByEngine,
  DepthwiseRecord,
  Kept,
  KernelsRecord,
  PartName,
  Starter,
  VariantRecord,
} from './records.ts';

/** Gives the record of a part, if it was measured. */
export type Find = <P extends PartName>(part: P) => Kept<P> | undefined;

export interface Judged {
  readonly what: string;
  readonly bar: string;
  readonly aim: string;
  readonly measured: string;
  readonly met: 'aim' | 'bar' | 'no' | 'not measured';
}

/** How often as long the second takes; NaN where one was not measured. */
export const ratioOf = (times: ByEngine | undefined, slow: EngineName, fast: EngineName): number =>
  (times?.[slow]?.medianMs ?? NaN) / (times?.[fast]?.medianMs ?? NaN);

const judge = (
  what: string,
  bar: string,
  aim: string,
  measured: string,
  met: [boolean, boolean],
): Judged => ({
  what,
  bar,
  aim,
  measured,
  met: met[1] ? 'aim' : met[0] ? 'bar' : 'no',
});

const missing = (what: string, bar: string, aim: string): Judged => ({
  what,
  bar,
  aim,
  measured: '',
  met: 'not measured',
});

/** The lowest of some figures has to be high enough. */
function atLeast(
  what: string,
  [bar, aim]: readonly [number, number],
  figures: Readonly<Record<string, number>>,
  show: (value: number) => string = (value) => formatRatio(value, 1),
): Judged {
  const values = Object.values(figures);
  const texts: [string, string] = [`≥ ${show(bar)}`, `≥ ${show(aim)}`];
  if (values.length === 0 || values.some(Number.isNaN)) return missing(what, ...texts);
  const lowest = Math.min(...values);
  const named = Object.entries(figures).map(([name, value]) => `${name} ${show(value)}`.trim());
  return judge(what, ...texts, named.join(', '), [lowest >= bar, lowest >= aim]);
}

/** MACs of the original over those of a variant, as far as the clock follows: 1 where it does so fully. */
export function realisedShare(
  { dense, times, macs }: VariantRecord,
  denseMacs: number,
  base: EngineName,
  engine: EngineName = base,
): number {
  const speedup = (dense[base]?.medianMs ?? NaN) / (times[engine]?.medianMs ?? NaN);
  return speedup / (denseMacs / macs);
}

/** The share of the limit that direct kernels reach on shapes of one kernel size. */
export const directShares = (records: readonly KernelsRecord[], kernelSize: number): number[] =>
  records
    .filter(({ shape }) => {
      const [, channels, , size] = shape.split(',').map(Number);
      // The first layer of three channels is another kind of kernel.
      return size === kernelSize && channels !== 3;
    })
    .map(({ kernels }) => kernels.find(({ kernel }) => kernel === 'gemm')?.share ?? NaN);

const cifar: readonly NetworkName[] = ['vgg16-cifar10', 'resnet20-cifar10'];
const predicted: readonly NetworkName[] = [
  'vgg16',
  'resnet18',
  'resnet50',
  'mobilenetv1',
  'ssd300',
  ...cifar,
];
const share = (value: number): string => value.toFixed(2);
const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

function realised(find: Find): Judged {
  const denseMacs = find('dense/vgg16')?.record.macs ?? NaN;
  const records =
    find('variants/vgg16')?.record.filter(({ variant }) => variant.startsWith('ND')) ?? [];
  return atLeast(
    'decoupled VGG16, T = 1…4, realised share of fewer MACs, against our own direct kernels',
    [0.85, 0.95],
    Object.fromEntries(
      records.map((record) => [
        record.variant.replace('ND ', ''),
        realisedShare(record, denseMacs, 'ours, direct'),
      ]),
    ),
    share,
  );
}

function kernelShares(find: Find): Judged {
  const records = find('kernels')?.record ?? [];
  const lowest = (size: number): Record<string, number> => {
    const shares = directShares(records, size);
    return shares.length ? { [`${size}×${size}`]: Math.min(...shares) } : {};
  };
  return atLeast(
    'direct 3×3 and 1×1 kernels at VGG16’s shapes, share of the core’s limit, the lowest of each',
    [0.75, 0.9],
    { ...lowest(3), ...lowest(1) },
    share,
  );
}

function memory(find: Find): Judged {
  const what = 'VGG16, convolutions: peak memory';
  const limits: [string, string] = ['≤ onnxruntime-web', '≤ onnxruntime-node'];
  const records = find('start/vgg16')?.record;
  if (!records) return missing(what, ...limits);
  const of = (name: Starter): number =>
    records.find(({ starter }) => starter === name)?.peakBytes ?? NaN;
  const [ours, web, native] = [of('ours'), of('onnxruntime-web'), of('onnxruntime-node')];
  return judge(
    what,
    ...limits,
    `${megabytes(ours)}, web ${megabytes(web)}, node ${megabytes(native)}`,
    [ours <= web, ours <= native],
  );
}

function loading(find: Find): Judged {
  const what = 'VGG16, convolutions: load and compile, against session creation of onnxruntime-web';
  const limits: [string, string] = ['≤ 0.50x', '≤ 0.20x'];
  const records = find('start/vgg16')?.record;
  if (!records) return missing(what, ...limits);
  const of = (name: Starter): number =>
    records.find(({ starter }) => starter === name)?.loadMs ?? NaN;
  const [ours, web] = [of('ours'), of('onnxruntime-web')];
  const text = `${formatRatio(ours, web)} (${significant(ours)} : ${significant(web)} ms)`;
  return judge(what, ...limits, text, [ours / web <= 0.5, ours / web <= 0.2]);
}

function prediction(find: Find): Judged {
  const what = 'predicted against measured milliseconds of whole networks, the farthest';
  const errors = predicted.flatMap((name) => {
    const record = find(`dense/${name}`)?.record;
    const ms = record?.times.ours?.medianMs;
    return record && ms !== undefined ? [{ name, error: record.predictedMs / ms - 1 }] : [];
  });
  const [worst] = errors.sort((a, b) => Math.abs(b.error) - Math.abs(a.error));
  if (!worst) return missing(what, '≤ 10 %', '≤ 5 %');
  const size = Math.abs(worst.error);
  return judge(what, '≤ 10 %', '≤ 5 %', `${percent(worst.error)} (${worst.name})`, [
    size <= 0.1,
    size <= 0.05,
  ]);
}

function product(find: Find): Judged[] {
  const record = find('product')?.record;
  const row = (
    what: string,
    limits: readonly [number, number],
    of: 'webMs' | 'nodeMs' | 'denseMs',
  ) => atLeast(what, limits, { '': record ? record[of] / record.optimisedMs : NaN });
  const found = 'fastest form of `vgg16-cifar10` within one point';
  return [
    row(`${found}, against the original in onnxruntime-web`, [10, 20], 'webMs'),
    row(`${found}, against the original in onnxruntime-node`, [2, 4], 'nodeMs'),
    row(`${found}, against our own best dense kernels`, [1.5, 2.5], 'denseMs'),
  ];
}

/** Milliseconds that a further layer adds to a network of one. */
export const furtherLayerMs = ({ one, nine }: DepthwiseRecord, engine: EngineName): number =>
  ((nine[engine]?.medianMs ?? NaN) - (one[engine]?.medianMs ?? NaN)) / 8;

function depthwise(find: Find): Judged {
  const what = 'depthwise 3×3, 56×56×256, against onnxruntime-web, a layer within a network';
  const record = find('depthwise')?.record;
  if (!record) return missing(what, '≥ 5.00x', '≥ 8.00x');
  const ratio = furtherLayerMs(record, 'onnxruntime-web') / furtherLayerMs(record, 'ours');
  const judged = atLeast(what, [5, 8], { '': ratio });
  const alone = formatRatio(ratioOf(record.one, 'onnxruntime-web', 'ours'), 1);
  return {
    ...judged,
    measured: `${judged.measured} (a network of this layer alone, with 3.2 MB in and out: ${alone})`,
  };
}

/** All bars, in the order of what matters most. */
export function judgeAll(find: Find): readonly Judged[] {
  const against = (peer: EngineName, ...names: readonly NetworkName[]): Record<string, number> =>
    Object.fromEntries(
      names.map((name) => [
        names.length > 1 ? name : '',
        ratioOf(find(`dense/${name}`)?.record.times, peer, 'ours'),
      ]),
    );
  const threads = find('threads/vgg16')?.record ?? [];
  const onThreads = (count: number): number =>
    threads.find(({ engine, threads: used }) => engine === 'ours' && used === count)?.times
      .medianMs ?? NaN;
  return [
    atLeast(
      'VGG16, convolutions, against onnxruntime-web',
      [5, 7],
      against('onnxruntime-web', 'vgg16'),
    ),
    atLeast(
      'VGG16, convolutions, against onnxruntime-node',
      [1.1, 1.4],
      against('onnxruntime-node', 'vgg16'),
    ),
    atLeast(
      'ResNet-18, ResNet-50, MobileNetV1, against onnxruntime-web, each',
      [3, 4],
      against('onnxruntime-web', 'resnet18', 'resnet50', 'mobilenetv1'),
    ),
    atLeast('MobileNetV1, against tfjs-wasm', [1.8, 2.5], against('tfjs-wasm', 'mobilenetv1')),
    kernelShares(find),
    depthwise(find),
    realised(find),
    atLeast(
      'VGG16 half width and ResNet-20 on 32², against onnxruntime-node, each',
      [1, 1.5],
      against('onnxruntime-node', ...cifar),
    ),
    ...product(find),
    atLeast('VGG16, convolutions: two threads against one', [1.6, 1.85], {
      '': onThreads(1) / onThreads(2),
    }),
    loading(find),
    memory(find),
    prediction(find),
  ];
}
