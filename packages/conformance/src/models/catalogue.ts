/** Networks of the usual architectures with seeded random weights: full size for benchmarks, small for tests. */
import type { Graph } from '@decouple/ir';
import { createRandom, type Random } from '@decouple/tensor';
import { densenet121 } from './densenet121.ts';
import type { ModelOptions } from './layers.ts';
import { mobilenetv1 } from './mobilenetv1.ts';
import { resnet18, resnet50, resnetCifar } from './resnet.ts';
import { ssd300 } from './ssd300.ts';
import { vgg16 } from './vgg16.ts';

/** Full-size generators by the name of their network. */
export const generators = {
  vgg16,
  resnet18,
  resnet50,
  mobilenetv1,
  densenet121,
  ssd300,
} as const satisfies Record<string, (random: Random, options?: ModelOptions) => Graph>;

/** A small network and its name. */
export interface TestModel {
  readonly name: string;
  readonly graph: Graph;
}

/** Small networks of every family, that the reference interpreter runs in a fraction of a second. */
export function testModels(seed = 1): TestModel[] {
  const random = createRandom(seed);
  const models: Record<string, (random: Random) => Graph> = {
    vgg: (own) => vgg16(own, { width: 1 / 16, size: 32, classes: 10 }),
    'resnet, option A': (own) => resnetCifar(own, { width: 1 / 2, size: 16, blocks: [1, 1, 1] }),
    'resnet, projections': (own) =>
      resnet18(own, { width: 1 / 8, size: 32, classes: 10, blocks: [1, 1, 1, 1] }),
    'resnet, bottlenecks': (own) =>
      resnet50(own, { width: 1 / 16, size: 32, classes: 10, blocks: [1, 1, 1, 1] }),
    mobilenet: (own) => mobilenetv1(own, { width: 1 / 8, size: 32, classes: 10 }),
    densenet: (own) => densenet121(own, { width: 1 / 8, size: 32, classes: 10, blocks: [2, 3, 2] }),
    ssd: (own) => ssd300(own, { width: 1 / 16, size: 70, classes: 4 }),
  };
  return Object.entries(models).map(([name, make]) => ({ name, graph: make(random.fork(name)) }));
}
