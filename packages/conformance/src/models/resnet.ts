/**
 * Residual networks (He et al., arXiv:1512.03385): ResNet-18 and -50 with projection shortcuts and the stride in the
 * 3×3 convolution, and the CIFAR form with option-A shortcuts, which take every second pixel and pad the channels.
 * Batch normalisations are nodes of their own; the last of each block has a small scale, as trained networks tend to.
 */
import type { Graph } from '@decouple/ir';
import type { Random } from '@decouple/tensor';
import {
  createLayers,
  scaleChannels,
  type Feature,
  type Layers,
  type ModelOptions,
} from './layers.ts';

export interface ResNetOptions extends ModelOptions {
  /** Residual blocks of each stage. */
  readonly blocks?: readonly number[];
}

interface Block {
  readonly name: string;
  readonly x: Feature;
  readonly channels: number;
  readonly stride: number;
}

const lastScale = 0.25;

function basicBranch(net: Layers, { name, x, channels, stride }: Block): Feature {
  let y = net.conv(`${name}.conv1`, x, channels, { kernel: 3, stride });
  y = net.relu(`${name}.relu1`, net.batchNorm(`${name}.bn1`, y));
  return net.batchNorm(
    `${name}.bn2`,
    net.conv(`${name}.conv2`, y, channels, { kernel: 3 }),
    lastScale,
  );
}

function bottleneckBranch(net: Layers, { name, x, channels, stride }: Block): Feature {
  let y = net.conv(`${name}.conv1`, x, channels, { kernel: 1 });
  y = net.relu(`${name}.relu1`, net.batchNorm(`${name}.bn1`, y));
  y = net.conv(`${name}.conv2`, y, channels, { kernel: 3, stride });
  y = net.relu(`${name}.relu2`, net.batchNorm(`${name}.bn2`, y));
  y = net.conv(`${name}.conv3`, y, 4 * channels, { kernel: 1 });
  return net.batchNorm(`${name}.bn3`, y, lastScale);
}

function projection(net: Layers, { name, x, stride }: Block, channels: number): Feature {
  if (stride === 1 && x.channels === channels) return x;
  const conv = net.conv(`${name}.downsample.0`, x, channels, { kernel: 1, stride });
  return net.batchNorm(`${name}.downsample.1`, conv);
}

/** Option A: no parameters. */
function slicePad(net: Layers, { name, x, stride }: Block, channels: number): Feature {
  if (stride === 1 && x.channels === channels) return x;
  const everySecond = {
    axes: [2, 3],
    starts: [0, 0],
    ends: [2 ** 31 - 1, 2 ** 31 - 1],
    steps: [stride, stride],
  };
  const sliced = net.apply('slice', `${name}.slice`, [x], everySecond);
  const more = channels - x.channels;
  const pads = [0, more >> 1, 0, 0, 0, more - (more >> 1), 0, 0];
  return net.apply('pad', `${name}.pad`, [sliced], { pads }, channels);
}

type Shortcut = typeof projection;
type Branch = typeof basicBranch;

function stages(
  net: Layers,
  start: Feature,
  plan: {
    blocks: readonly number[];
    channels: readonly number[];
    branch: Branch;
    shortcut: Shortcut;
  },
): Feature {
  let x = start;
  plan.blocks.forEach((count, stage) => {
    for (let place = 0; place < count; place++) {
      const stride = stage > 0 && place === 0 ? 2 : 1;
      const name = `layer${stage + 1}.${place}`;
      const block = { name, x, channels: plan.channels[stage] as number, stride };
      const y = plan.branch(net, block);
      const sum = net.apply('add', `${name}.add`, [y, plan.shortcut(net, block, y.channels)], {});
      x = net.relu(`${name}.relu`, { ...sum, channels: y.channels });
    }
  });
  return x;
}

function classifier(net: Layers, x: Feature, classes: number): Graph {
  const pooled = net.apply('global-average-pool', 'avgpool', [x], {});
  return net.build([net.linear('fc', net.apply('flatten', 'flatten', [pooled], {}), classes)]);
}

function imageNet(name: string, branch: Branch, depth: readonly number[]) {
  return (random: Random, options: ResNetOptions = {}): Graph => {
    const { width = 1, size = 224, classes = 1000, blocks = depth } = options;
    const net = createLayers(name, random);
    const scaled = (channels: number): number => scaleChannels(width, channels);
    const image = net.input('input', 3, size);
    let x = net.conv('conv1', image, scaled(64), { kernel: 7, stride: 2, padding: 3 });
    x = net.relu('relu', net.batchNorm('bn1', x));
    x = net.maxPool('maxpool', x, { kernel: [3, 3], stride: [2, 2], pads: [1, 1, 1, 1] });
    const channels = [64, 128, 256, 512].map(scaled);
    return classifier(
      net,
      stages(net, x, { blocks, channels, branch, shortcut: projection }),
      classes,
    );
  };
}

/** Input `input` [N,3,size,size]; output `fc` [N,classes]. */
export const resnet18 = imageNet('resnet18', basicBranch, [2, 2, 2, 2]);
/** Input `input` [N,3,size,size]; output `fc` [N,classes]. */
export const resnet50 = imageNet('resnet50', bottleneckBranch, [3, 4, 6, 3]);

/** ResNet-20 for CIFAR with option-A shortcuts. Input `input` [N,3,size,size]; output `fc` [N,classes]. */
export function resnetCifar(random: Random, options: ResNetOptions = {}): Graph {
  const { width = 1, size = 32, classes = 10, blocks = [3, 3, 3] } = options;
  const net = createLayers('resnet-cifar', random);
  const channels = [16, 32, 64].map((wide) => scaleChannels(width, wide));
  const image = net.input('input', 3, size);
  const stem = net.batchNorm('bn1', net.conv('conv1', image, channels[0] as number, { kernel: 3 }));
  const plan = { blocks, channels, branch: basicBranch, shortcut: slicePad };
  return classifier(net, stages(net, net.relu('relu', stem), plan), classes);
}
