/**
 * DenseNet-121 (Huang et al., arXiv:1608.06993): in a block every layer reads all maps before it. A layer is
 * BN-ReLU-1×1-BN-ReLU-3×3 and adds `growth` maps; a transition halves maps and size.
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

export interface DenseNetOptions extends ModelOptions {
  /** Dense layers of each block. */
  readonly blocks?: readonly number[];
}

function denseLayer(net: Layers, name: string, x: Feature, growth: number): Feature {
  let y = net.relu(`${name}.relu1`, net.batchNorm(`${name}.bn1`, x));
  y = net.conv(`${name}.conv1`, y, 4 * growth, { kernel: 1 });
  y = net.relu(`${name}.relu2`, net.batchNorm(`${name}.bn2`, y));
  y = net.conv(`${name}.conv2`, y, growth, { kernel: 3 });
  return net.apply('concat', `${name}.concat`, [x, y], { axis: 1 }, x.channels + growth);
}

function transition(net: Layers, name: string, x: Feature): Feature {
  const y = net.relu(`${name}.relu`, net.batchNorm(`${name}.bn`, x));
  const halved = net.conv(`${name}.conv`, y, x.channels >> 1, { kernel: 1 });
  return net.apply('average-pool', `${name}.pool`, [halved], { kernel: [2, 2], stride: [2, 2] });
}

/** Input `input` [N,3,size,size]; output `fc` [N,classes]. */
export function densenet121(random: Random, options: DenseNetOptions = {}): Graph {
  const { width = 1, size = 224, classes = 1000, blocks = [6, 12, 24, 16] } = options;
  const net = createLayers('densenet121', random);
  const growth = scaleChannels(width, 32);
  const image = net.input('input', 3, size);
  let x = net.conv('conv0', image, 2 * growth, { kernel: 7, stride: 2, padding: 3 });
  x = net.relu('relu0', net.batchNorm('bn0', x));
  x = net.maxPool('pool0', x, { kernel: [3, 3], stride: [2, 2], pads: [1, 1, 1, 1] });
  blocks.forEach((count, block) => {
    if (block > 0) x = transition(net, `transition${block}`, x);
    for (let place = 1; place <= count; place++)
      x = denseLayer(net, `block${block + 1}.layer${place}`, x, growth);
  });
  x = net.relu('relu5', net.batchNorm('bn5', x));
  x = net.apply('global-average-pool', 'avgpool', [x], {});
  return net.build([net.linear('fc', net.apply('flatten', 'flatten', [x], {}), classes)]);
}
