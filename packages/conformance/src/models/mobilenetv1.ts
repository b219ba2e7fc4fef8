/** MobileNet (Howard et al., arXiv:1704.04861): thirteen depthwise convolutions, each followed by a pointwise one. */
import type { Graph } from '@decouple/ir';
import type { Random } from '@decouple/tensor';
import { createLayers, scaleChannels, type ModelOptions } from './layers.ts';

/** Output channels and stride of each depthwise-pointwise pair. */
const pairs: readonly (readonly [number, number])[] = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
];

/** Input `input` [N,3,size,size]; output `fc` [N,classes]. */
export function mobilenetv1(random: Random, options: ModelOptions = {}): Graph {
  const { width = 1, size = 224, classes = 1000 } = options;
  const net = createLayers('mobilenetv1', random);
  const image = net.input('input', 3, size);
  let x = net.conv('conv1', image, scaleChannels(width, 32), { kernel: 3, stride: 2 });
  x = net.relu('relu1', net.batchNorm('bn1', x));
  pairs.forEach(([channels, stride], place) => {
    const name = `block${place + 1}`;
    const groups = x.channels;
    x = net.conv(`${name}.depthwise`, x, groups, { kernel: 3, stride, groups });
    x = net.relu(`${name}.relu1`, net.batchNorm(`${name}.bn1`, x));
    x = net.conv(`${name}.pointwise`, x, scaleChannels(width, channels), { kernel: 1 });
    x = net.relu(`${name}.relu2`, net.batchNorm(`${name}.bn2`, x));
  });
  x = net.apply('global-average-pool', 'avgpool', [x], {});
  return net.build([net.linear('fc', net.apply('flatten', 'flatten', [x], {}), classes)]);
}
