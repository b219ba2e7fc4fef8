/** Tiny networks and data for the tests. */
import { graphBuilder, tensorDataset, type Dataset, type Graph } from '../src/index.ts';
import { createRandom, float32, int64, normals, type Random, type Tensor } from '@decouple/tensor';

const weights = (random: Random, shape: readonly number[], scale: number): Tensor =>
  float32(
    shape,
    normals(
      random,
      shape.reduce((a, b) => a * b, 1),
      scale,
    ),
  );

/** Two 3×3 convolutions with batch normalisation and ReLU, global pooling, one linear layer: 8×8 images, 6 classes. */
export function tinyClassifier(seed = 1): Graph {
  const random = createRandom(seed);
  const b = graphBuilder('tiny');
  let value = b.input('input', ['N', 3, 8, 8]);
  let channels = 3;
  for (const [index, width] of [16, 16].entries()) {
    const name = `conv${index + 1}`;
    const weight = b.constant(`${name}.w`, weights(random, [width, channels, 3, 3], 0.3));
    value = b.node('conv2d', [value, weight], { pads: [1, 1, 1, 1] }, name);
    const norm = ['scale', 'bias', 'mean', 'variance'].map((role) => {
      const data = normals(random, width, 0.2);
      return b.constant(
        `${name}.${role}`,
        float32(
          [width],
          role === 'scale' || role === 'variance' ? data.map((x) => 1 + x * x) : data,
        ),
      );
    });
    value = b.node('batch-normalization', [value, ...norm], {}, `${name}_bn`);
    value = b.node('relu', [value], {}, `${name}_relu`);
    channels = width;
  }
  value = b.node('global-average-pool', [value], {}, 'pool');
  value = b.node('flatten', [value], {}, 'flat');
  const matrix = b.constant('fc.w', weights(random, [6, channels], 0.5));
  return b.build([b.node('linear', [value, matrix], {}, 'logits')]);
}

/** Random images with random labels of six classes. */
export function tinyData(samples: number, seed = 2): Dataset {
  const random = createRandom(seed);
  const labels = Array.from({ length: samples }, () => random.below(6));
  return tensorDataset(
    float32([samples, 3, 8, 8], normals(random, samples * 192)),
    int64(labels),
    {},
    'tiny-data',
  );
}
