/**
 * SSD300 on VGG16 (Liu et al., arXiv:1512.02325): convolutional fc6 (dilated by 6) and fc7, four further stages, and a
 * box and a class head on each of six maps: 8732 boxes. Outputs are offsets and class probabilities, not decoded boxes.
 *
 * conv4_3 is normalised over its channels before the heads. The paper divides by the L2 norm; ONNX's plain ops in use
 * here have no root, so the L1 mean takes its place, which for maps after a ReLU is the mean itself:
 *
 *   y[n,c,h,w] = scale[c] · x[n,c,h,w] / (mean_c x[n,·,h,w] + 1e-3)
 */
import type { Graph } from '@decouple/ir';
import { float32, type Random } from '@decouple/tensor';
import {
  createLayers,
  scaleChannels,
  type Feature,
  type Layers,
  type ModelOptions,
} from './layers.ts';
import { vggStage } from './vgg16.ts';

/** A map that heads read. */
interface HeadMap {
  readonly x: Feature;
  readonly name: string;
  readonly boxes: number;
}

/** Further stages: squeezed channels, channels, stride of the 3×3 convolution, boxes per position. */
const extras = [
  { name: 'conv6', squeeze: 256, channels: 512, stride: 2, boxes: 6 },
  { name: 'conv7', squeeze: 128, channels: 256, stride: 2, boxes: 6 },
  { name: 'conv8', squeeze: 128, channels: 256, stride: 1, boxes: 4 },
  { name: 'conv9', squeeze: 128, channels: 256, stride: 1, boxes: 4 },
];

function normalize(net: Layers, x: Feature): Feature {
  const mean = net.apply(
    'reduce',
    'conv4_3_norm.mean',
    [x],
    { kind: 'mean', axes: [1], keepDims: true },
    1,
  );
  const epsilon = net.constant('conv4_3_norm.epsilon', float32([1], [1e-3]));
  const positive = net.apply('add', 'conv4_3_norm.positive', [mean, epsilon], {});
  const unit = net.apply('div', 'conv4_3_norm.unit', [x, positive], {});
  const scale = net.perChannel('conv4_3_norm.scale', x.channels, 1);
  return net.apply('mul', 'conv4_3_norm', [unit, scale], {});
}

/** The maps of the heads; stages that a small input leaves no pixels for are left out. */
function backbone(net: Layers, image: Feature, size: number, width: number): HeadMap[] {
  let x = image;
  let side = size;
  for (let stage = 1; stage <= 3; stage++) {
    x = vggStage(net, x, stage, width);
    x = net.maxPool(`pool${stage}`, x, { kernel: [2, 2], stride: [2, 2], ceil: true });
    side = Math.ceil(side / 2);
  }
  x = vggStage(net, x, 4, width);
  const maps: HeadMap[] = [{ x: normalize(net, x), name: 'conv4_3_norm', boxes: 4 }];
  x = net.maxPool('pool4', x, { kernel: [2, 2], stride: [2, 2] });
  side = side >> 1;
  x = vggStage(net, x, 5, width);
  x = net.maxPool('pool5', x, { kernel: [3, 3], pads: [1, 1, 1, 1] });
  const wide = scaleChannels(width, 1024);
  x = net.relu('relu6', net.conv('fc6', x, wide, { kernel: 3, dilation: 6, bias: true }));
  x = net.relu('relu7', net.conv('fc7', x, wide, { kernel: 1, bias: true }));
  maps.push({ x, name: 'fc7', boxes: 6 });
  for (const { name, squeeze, channels, stride, boxes } of extras) {
    const padding = stride === 2 ? 1 : 0;
    side = Math.floor((side + 2 * padding - 3) / stride) + 1;
    if (side < 1) break;
    x = net.conv(`${name}_1`, x, scaleChannels(width, squeeze), { kernel: 1, bias: true });
    x = net.relu(`${name}_1.relu`, x);
    const shape = { kernel: 3, stride, padding, bias: true };
    x = net.conv(`${name}_2`, x, scaleChannels(width, channels), shape);
    x = net.relu(`${name}_2.relu`, x);
    maps.push({ x, name: `${name}_2`, boxes });
  }
  return maps;
}

/** A head's predictions, position by position: [N, boxes, values]. */
function head(net: Layers, map: HeadMap, kind: string, values: number): Feature {
  const name = `${map.name}.${kind}`;
  const y = net.conv(name, map.x, map.boxes * values, { kernel: 3, bias: true });
  const last = net.apply('transpose', `${name}.nhwc`, [y], { permutation: [0, 2, 3, 1] });
  return net.apply('reshape', `${name}.boxes`, [last], { shape: [0, -1, values] }, values);
}

/** Input `input` [N,3,size,size]; outputs `loc` [N,boxes,4] and `conf` [N,boxes,classes]. */
export function ssd300(random: Random, options: ModelOptions = {}): Graph {
  const { width = 1, size = 300, classes = 21 } = options;
  const net = createLayers('ssd300', random);
  const maps = backbone(net, net.input('input', 3, size), size, width);
  const loc = maps.map((map) => head(net, map, 'loc', 4));
  const conf = maps.map((map) => head(net, map, 'conf', classes));
  const joined = net.apply('concat', 'conf.logits', conf, { axis: 1 });
  return net.build([
    net.apply('concat', 'loc', loc, { axis: 1 }),
    net.apply('softmax', 'conf', [joined], { axis: -1 }),
  ]);
}
