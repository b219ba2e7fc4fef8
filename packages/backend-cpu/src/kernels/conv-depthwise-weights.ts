/** Weights of depthwise-like convolutions as their kernel reads them. */
import type { ConvSizes } from './conv-shape.ts';

/** Output vectors of all groups. */
export const vectorsOf = (shape: ConvSizes): number =>
  Math.ceil((shape.groups * shape.outChannels) / 4);

/** Floats of the packed weights. */
export const depthwiseWeights = (shape: ConvSizes): number =>
  vectorsOf(shape) * shape.channels * shape.kernel[0] * shape.kernel[1] * 4;

/** [O,I,kh,kw] → [vector][term][kh][kw][4]; lane l of term t is flat input channel 4·t + l of the vector's 4·I. */
export function packDepthwise(target: Float32Array, source: Float32Array, shape: ConvSizes): void {
  const { channels: terms, kernel } = shape;
  const taps = kernel[0] * kernel[1];
  const outputs = shape.groups * shape.outChannels;
  for (let flat = 0; flat < outputs * terms; flat++) {
    const vector = Math.floor(flat / (4 * terms));
    const [term, lane] = [Math.floor((flat % (4 * terms)) / 4), flat % 4];
    for (let tap = 0; tap < taps; tap++)
      target[((vector * terms + term) * taps + tap) * 4 + lane] = source[
        flat * taps + tap
      ] as number;
  }
}
