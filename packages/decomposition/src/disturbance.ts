/** Random errors in the response of one layer, to measure what such errors do to the outputs of the network. */
import type { Patch } from '@decouple/ir';
import { createRandom, float32, normals } from '@decouple/tensor';
import { groupKernel, type Layer } from './layer.ts';
import { kernelError, type Metric } from './metric.ts';

export interface Disturbance {
  /** Of the response, relative to its variance. */
  readonly error: number;
  /** The layer with random errors in its weights. */
  patch(): Patch;
}

/** Relative error that is aimed at: large enough to rise above rounding, small enough to stay linear. */
const aim = 0.05;

/** W₀ with errors of normal distribution, as large relative to each filter's length: W₀ + σ·‖w_o‖·N. */
function disturbedKernel(layer: Layer, scale: number): Float32Array {
  const { conv, weight, size } = layer;
  const noise = normals(createRandom(1).fork(conv.name), weight.length, scale);
  const length = weight.length / size.outChannels;
  for (let output = 0; output < size.outChannels; output++) {
    const own = weight.subarray(output * length, (output + 1) * length);
    const norm = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0) / length);
    for (let at = 0; at < length; at++)
      noise[output * length + at] =
        (own[at] as number) + norm * (noise[output * length + at] as number);
  }
  return Float32Array.from(noise);
}

/** @param metrics one for each group. */
export function disturbance(layer: Layer, metrics: readonly Metric[]): Disturbance {
  const errorAt = (scale: number): number => {
    const disturbed = { ...layer, weight: disturbedKernel(layer, scale) };
    let [error, variance] = [0, 0];
    metrics.forEach((metric, index) => {
      const kernel = Float64Array.from(groupKernel(disturbed, index));
      error += kernelError(metric, kernel) * metric.targetVariance;
      variance += metric.targetVariance;
    });
    return variance > 0 ? error / variance : 0;
  };
  // The error is the square of the scale, but for the ridge and what the metric finds wrong with W₀ itself.
  const trial = errorAt(0.1);
  const scale = trial > 0 ? 0.1 * Math.sqrt(aim / trial) : 0;
  const error = errorAt(scale);
  const { conv } = layer;
  return {
    error,
    patch: () => {
      const name = `${conv.name}/disturbed.weight`;
      const [input, , ...others] = conv.inputs as [string, string, ...string[]];
      const { groups, outChannels, kernel } = layer.size;
      const shape = [outChannels, layer.size.inChannels / groups, ...kernel];
      return {
        remove: [conv.name],
        add: [{ ...conv, inputs: [input, name, ...others] }],
        constants: [[name, float32(shape, disturbedKernel(layer, scale))]],
      };
    },
  };
}
