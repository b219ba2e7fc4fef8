/** The networks of the study and their data: images to calibrate on, to choose budgets on, and to report on. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  accuracyMetric,
  bindSymbols,
  DataError,
  openCalibration,
  syntheticDataset,
  type Calibration,
  type Dataset,
  type Graph,
  type Metric,
  type Preprocess,
} from 'decouple';
import { openDataset, readModel } from 'decouple/node';
import { denoisingData } from './denoising.ts';

export const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));
const cifarFolder = process.env['DECOUPLE_CACHE'] ?? join(homedir(), '.cache/decouple/cifar10');

export interface Network {
  readonly graph: Graph;
  /** Calibration data, opened once for all that is tried: images, never those of `test`, or drawn ones. */
  readonly open: Readonly<Record<'images' | 'synthetic', () => Calibration>>;
  readonly samples: number;
  /** On images that no fit sees. */
  readonly test: Metric;
}

export const seed = 1;

interface Source {
  readonly title: string;
  /** In the repository, or in the folder of `--models`. */
  readonly model: string;
  readonly foreign?: boolean;
  readonly preprocess?: Preprocess;
  /** Calibration images. */
  readonly samples: number;
}

const ours: Preprocess = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] };
const imageNet: Preprocess = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

export const networks = {
  vgg16: {
    title: 'VGG16, half width, CIFAR-10',
    model: 'test-models/vgg16-cifar10.onnx',
    preprocess: ours,
    samples: 1024,
  },
  resnet20: {
    title: 'ResNet-20, CIFAR-10',
    model: 'test-models/resnet20-cifar10.onnx',
    preprocess: ours,
    samples: 1024,
  },
  'resnet20-akamaster': {
    title: 'ResNet-20 of akamaster/pytorch_resnet_cifar10',
    model: 'models/resnet20-cifar10/resnet20.onnx',
    foreign: true,
    preprocess: imageNet,
    samples: 1024,
  },
  'resnet32-akamaster': {
    title: 'ResNet-32 of akamaster/pytorch_resnet_cifar10',
    model: 'models/resnet32-cifar10/resnet32.onnx',
    foreign: true,
    preprocess: imageNet,
    samples: 1024,
  },
  'dncnn-25': {
    title: 'DnCNN of cszn/KAIR, denoising at σ = 25',
    model: 'models/dncnn-25-kair/dncnn_25.onnx',
    foreign: true,
    samples: 80,
  },
} satisfies Record<string, Source>;
export type NetworkName = keyof typeof networks;
export const sourceOf = (name: NetworkName): Source => networks[name];

/** Where things are, and how much of them is used. */
export interface Settings {
  /** The small subsets of the repository instead of all of CIFAR-10. */
  readonly quick: boolean;
  /** Folder with models of others. */
  readonly models: string;
}

/** Samples `from`..`to` of a data set. */
function slice(dataset: Dataset, from: number, to: number): Dataset {
  const { labels } = dataset;
  return {
    ...dataset,
    samples: Math.min(to, dataset.samples) - from,
    ...(labels && { labels: labels.slice(from, to) }),
    batch: (indices) => dataset.batch(indices.map((index) => index + from)),
  };
}

interface Parts {
  readonly calibration: Dataset;
  readonly test: Metric;
}

/** Calibration on training images, the report on test images. */
function cifarParts({ quick }: Settings, preprocess: Preprocess): Parts {
  const open = (path: string): Dataset => openDataset(path, { preprocess });
  if (quick) {
    const train = open(inRepository('test-models/cifar10-subset/calibrate'));
    const test = open(inRepository('test-models/cifar10-subset/eval'));
    return {
      calibration: slice(train, 0, 240),
      test: accuracyMetric('top1', test),
    };
  }
  const train = open(join(cifarFolder, 'train_x.npy'));
  return {
    calibration: slice(train, 0, 40000),
    test: accuracyMetric('top1', open(join(cifarFolder, 'test_x.npy'))),
  };
}

/** @throws DataError when the images are missing, saying how to get them. */
export function requireCifar(): void {
  for (const name of ['train_x.npy', 'train_y.npy', 'test_x.npy', 'test_y.npy'])
    if (!existsSync(join(cifarFolder, name)))
      throw new DataError(
        `${join(cifarFolder, name)} is missing: run tools/train/setup.sh (as root, Debian) and tools/train/fetch_cifar10.py, which fetch CIFAR-10 to there or to $DECOUPLE_CACHE; or use --quick, which needs only the images of this repository`,
      );
}

export const modelPath = (name: NetworkName, { models }: Settings): string => {
  const { model, foreign } = sourceOf(name);
  return foreign ? join(models, model) : inRepository(model);
};

/** Opens a network with its data. */
export async function openNetwork(name: NetworkName, settings: Settings): Promise<Network> {
  const { preprocess, samples } = sourceOf(name);
  const model = await readModel(modelPath(name, settings));
  const parts = preprocess
    ? cifarParts(settings, preprocess)
    : await denoisingData(join(settings.models, 'data'));
  const used = settings.quick ? Math.min(samples, 96) : samples;
  const synthetic = syntheticDataset({
    sampleShape: parts.calibration.sampleShape,
    samples: used,
    ...(preprocess && { preprocess }),
  });
  const graph = sized(model, parts.calibration.sampleShape);
  const opener = (calibration: Dataset): (() => Calibration) => {
    let opened: Calibration | undefined;
    return () => (opened ??= openCalibration(graph, { calibration, samples: used, seed }));
  };
  return {
    graph,
    open: { images: opener(parts.calibration), synthetic: opener(synthetic) },
    samples: used,
    test: parts.test,
  };
}

/** The network for samples of one shape: decompositions need to know rows and columns. */
function sized(graph: Graph, sampleShape: readonly number[]): Graph {
  const [, ...dims] = graph.inputs[0]?.type.shape ?? [];
  const named = dims.flatMap((dim, axis) =>
    typeof dim === 'string' ? [[dim, sampleShape[axis] as number] as const] : [],
  );
  return bindSymbols(graph, Object.fromEntries(named));
}
