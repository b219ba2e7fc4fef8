/** Weights and bias of a matrix product as its kernel reads them. */
import type { ConvSizes } from './conv-shape.ts';
import { paddedChannels } from './gemm-panels.ts';

/** Floats of the packed weights of one group. */
export const groupWeights = ({ kernel, channels, outChannels }: ConvSizes): number =>
  kernel[0] * kernel[1] * channels * paddedChannels(outChannels);

/** [O,I,kh,kw] → per group [panel][kh][kw][I][`panel` or the rest], zeros beyond the last channel. */
export function packWeights(
  target: Float32Array,
  source: Float32Array,
  shape: ConvSizes,
  panel: number,
): void {
  const { groups, channels, outChannels, kernel } = shape;
  const taps = kernel[0] * kernel[1];
  for (let group = 0; group < groups; group++)
    for (let first = 0; first < outChannels; first += panel) {
      const width = Math.min(panel, paddedChannels(outChannels) - first);
      const base = group * groupWeights(shape) + first * taps * channels;
      const lanes = Math.min(panel, outChannels - first);
      const from = (group * outChannels + first) * channels * taps;
      // Reads go along one stream a lane and writes along one a tap, which caches like.
      for (let channel = 0; channel < channels; channel++)
        for (let tap = 0; tap < taps; tap++) {
          const to = base + (tap * channels + channel) * width;
          let at = from + channel * taps + tap;
          for (let lane = 0; lane < lanes; lane++, at += channels * taps)
            target[to + lane] = source[at] as number;
        }
    }
}

/** Bias per group, padded to whole vectors. */
export function packBias(target: Float32Array, bias: Float32Array, shape: ConvSizes): void {
  const { groups, outChannels } = shape;
  for (let group = 0; group < groups; group++)
    target.set(
      bias.subarray(group * outChannels, (group + 1) * outChannels),
      group * paddedChannels(outChannels),
    );
}
