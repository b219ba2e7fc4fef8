/** VGG16 (Simonyan & Zisserman, arXiv:1409.1556, configuration D): 13 convolutions 3×3, three linear layers. */
import type { Graph } from '@decouple/ir';
import type { Random } from '@decouple/tensor';
import {
  createLayers,
  scaleChannels,
  type Feature,
  type Layers,
  type ModelOptions,
} from './layers.ts';

/** Channels of the convolutions of each stage. */
export const vggStages = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
];

/** Convolutions `conv<stage>_<place>` of one stage, each with its ReLU. */
export function vggStage(net: Layers, x: Feature, stage: number, width: number): Feature {
  const channels = vggStages[stage - 1] as number[];
  return channels.reduce((value, wide, place) => {
    const label = `${stage}_${place + 1}`;
    const out = scaleChannels(width, wide);
    const conv = net.conv(`conv${label}`, value, out, { kernel: 3, bias: true });
    return net.relu(`relu${label}`, conv);
  }, x);
}

/** Input `input` [N,3,size,size], `size` a multiple of 32; output `fc8` [N,classes]. */
export function vgg16(random: Random, options: ModelOptions = {}): Graph {
  const { width = 1, size = 224, classes = 1000 } = options;
  const net = createLayers('vgg16', random);
  let x = net.input('input', 3, size);
  for (let stage = 1; stage <= vggStages.length; stage++) {
    x = vggStage(net, x, stage, width);
    x = net.maxPool(`pool${stage}`, x, { kernel: [2, 2], stride: [2, 2] });
  }
  const side = size / 32;
  x = net.apply('flatten', 'flatten', [x], { axis: 1 }, x.channels * side * side);
  x = net.relu('relu6', net.linear('fc6', x, scaleChannels(width, 4096)));
  x = net.relu('relu7', net.linear('fc7', x, scaleChannels(width, 4096)));
  return net.build([net.linear('fc8', x, classes)]);
}
