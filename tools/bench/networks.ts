/** What is measured: networks at their full sizes with random weights, trained small ones, and their cheaper forms. */
import { fileURLToPath } from 'node:url';
import { generators } from '@decouple/conformance';
import { extractGraph } from '@decouple/ir';
import { createRandom, type Graph } from 'decouple';
import { readModel } from 'decouple/node';

export const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));

export interface Network {
  readonly title: string;
  readonly make: () => Promise<Graph> | Graph;
  /** Cheaper forms to measure; see {@link variants}. */
  readonly variants: readonly string[];
  /** Seconds for all engines to run once on a common machine, roughly. */
  readonly seconds: number;
}

/** A pipeline; `@` stands for the layout of decoupled layers. */
const stages = {
  ND: (terms: number, form: string) => `decouple{terms=${terms}, form=${form}, layout=@, data=off}`,
  SD: (speedup: number) => `spatial-decompose{speedup=${speedup}, data=off}`,
  CD: (speedup: number) => `channel-decompose{speedup=${speedup}, data=off}`,
};

/**
 * Pipelines by name: network decoupling (ND) with T terms in both orders, spatial (SD) and channel decomposition (CD)
 * at a fixed saving per layer, and decoupling on top of these. In closed form: only the shapes matter for time.
 */
export const variants: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['dw-pw', 'pw-dw'].flatMap((form) =>
      [1, 2, 3, 4].map((terms) => [`ND ${form} T=${terms}`, stages.ND(terms, form)]),
    ),
  ),
  SD: stages.SD(3),
  CD: stages.CD(2),
  'SD+ND': `${stages.SD(1.5)}, ${stages.ND(1, 'dw-pw')}`,
  'CD+ND': `${stages.CD(2)}, ${stages.ND(2, 'dw-pw')}`,
};

/** The layout is an option of the exporter's user: one wide pair of convolutions, or a sum of chains. */
export const layouts = ['wide', 'chains'] as const;
export const pipelineOf = (variant: string, layout: (typeof layouts)[number]): string =>
  (variants[variant] as string).replaceAll('@', layout);

const some = ['ND dw-pw T=1', 'ND dw-pw T=2', 'SD', 'CD+ND'];
const seed = 1;

export const networks = {
  vgg16: {
    title: 'VGG16, convolutions, 224²',
    make: () => extractGraph(generators.vgg16(createRandom(seed)), ['pool5']),
    variants: Object.keys(variants),
    seconds: 5,
  },
  resnet18: {
    title: 'ResNet-18, 224²',
    make: () => generators.resnet18(createRandom(seed)),
    variants: some,
    seconds: 0.7,
  },
  resnet50: {
    title: 'ResNet-50, 224²',
    make: () => generators.resnet50(createRandom(seed)),
    variants: [],
    seconds: 1.3,
  },
  mobilenetv1: {
    title: 'MobileNetV1, 224²',
    make: () => generators.mobilenetv1(createRandom(seed)),
    variants: [],
    seconds: 0.3,
  },
  ssd300: {
    title: 'SSD300 on VGG16, 300²',
    make: () => generators.ssd300(createRandom(seed)),
    variants: [],
    seconds: 10,
  },
  'vgg16-cifar10': {
    title: 'VGG16 half width, 32²',
    make: () => readModel(inRepository('test-models/vgg16-cifar10.onnx')),
    variants: some,
    seconds: 0.02,
  },
  'resnet20-cifar10': {
    title: 'ResNet-20, 32²',
    make: () => readModel(inRepository('test-models/resnet20-cifar10.onnx')),
    variants: some,
    seconds: 0.01,
  },
} as const satisfies Readonly<Record<string, Network>>;

export type NetworkName = keyof typeof networks;
export const networkNames = Object.keys(networks) as readonly NetworkName[];
