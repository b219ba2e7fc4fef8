/** Channel pruning as a method among others: a convolution that reads some of its input channels, refitted. */
import {
  areaOf,
  emitChain,
  type Decomposer,
  type Fitting,
  type Layer,
  type Plan,
} from '@decouple/decomposition';
import { float32 } from '@decouple/tensor';
import { fitSubset } from './fit.ts';
import { channelSets, sliceNorms, type Method, type Subset } from './select.ts';

/** A layer that reads some of its input channels. */
export interface Pruned extends Plan {
  readonly method: 'pruned';
  readonly channels: Int32Array;
}

/** The smaller convolution is called `<layer>/pruned`. */
export const prunedRole = 'pruned';

export const isPruned = <P extends Plan>(plan: P): plan is P & Pruned => plan.method === 'pruned';

export interface PruningOptions {
  readonly method: Method;
  /** Numbers of channels are multiples of this. */
  readonly multiple: number;
  /** Numbers of channels to offer, falling. Default: up to 32, evenly spaced. */
  readonly counts?: (layer: Layer) => readonly number[];
  /** How strong the filters are that make a layer's input channels, for `l1`. Default: its own weights on them. */
  readonly strengths?: (layer: Layer) => ArrayLike<number> | undefined;
}

/** Most plans per layer. */
const rungs = 32;

/** Multiples below the number of input channels, falling. */
function evenCounts({ group: { inputs } }: Layer, multiple: number): number[] {
  const step = multiple * Math.ceil(inputs / multiple / rungs);
  const counts: number[] = [];
  for (let count = Math.ceil(inputs / step) * step - step; count > 0; count -= step)
    counts.push(count);
  return counts;
}

/** The part of the kernel that reads `channels`, `[O, |S|, k]`. */
function sliceKernel({ weight, group }: Layer, channels: Int32Array): Float32Array {
  const { inputs, outputs, taps } = group;
  const sliced = new Float32Array(outputs * channels.length * taps);
  for (let output = 0; output < outputs; output++)
    channels.forEach((channel, place) => {
      const from = (output * inputs + channel) * taps;
      sliced.set(weight.subarray(from, from + taps), (output * channels.length + place) * taps);
    });
  return sliced;
}

function plan(layer: Layer, { channels, error }: Subset): Pruned {
  const { conv, size, group, bias } = layer;
  const { stride, pads, dilation } = conv.attrs;
  const params = size.outChannels * channels.length * group.taps;
  const stage = { role: prunedRole, stride, pads, dilation };
  const shape = [size.outChannels, channels.length, ...size.kernel];
  const emit = (weight: Float32Array, offsets: Float32Array | undefined) =>
    emitChain(conv, [{ ...stage, weight: float32(shape, weight), channels }], offsets);
  const build = async (fitting: Fitting | undefined) => {
    if (!fitting) return { patch: emit(sliceKernel(layer, channels), bias), error };
    const fit = await fitSubset(fitting, channels);
    return {
      patch: emit(new Float32Array(fit.weight), new Float32Array(fit.bias)),
      error: fit.error,
    };
  };
  return {
    method: 'pruned',
    channels,
    macs: params * areaOf(size.output),
    params,
    // Its producer no longer makes the other channels: nothing is gathered in the end.
    outline: [{ ...stage, shape }],
    error,
    columns: { channels: channels.length },
    build,
  };
}

/** Channel pruning of single layers; MACs are the layer's own, those of its producers come on top. */
export const pruning = ({ method, multiple, counts, strengths }: PruningOptions): Decomposer => ({
  name: 'channel-prune',
  refuses: ({ group, size }) => {
    if (size.groups > 1) return 'grouped convolutions lose channels only with their producers';
    return group.inputs <= multiple ? 'has too few input channels' : undefined;
  },
  plans: (layer, metrics) =>
    channelSets(
      layer,
      metrics?.[0],
      counts?.(layer) ?? evenCounts(layer, multiple),
      method,
      strengths?.(layer) ?? sliceNorms(layer, 1),
    ).map((subset) => plan(layer, subset)),
});
