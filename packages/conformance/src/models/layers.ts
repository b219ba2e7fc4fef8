/**
 * Layers with random weights, for building networks of the usual architectures. Weights are He-initialised,
 * N(0, 2 / fan_in), so that activations keep their scale through any depth; batch normalisations have statistics near
 * those that such activations have, but not trivial. Every layer draws from a stream of its own, named like the layer.
 */
import { graphBuilder, type AttrsInput, type Graph, type OpKind } from '@decouple/ir';
import { float32, normals, type Random, type Tensor } from '@decouple/tensor';

/** What all generators take. Full-size networks have width 1; small ones are for tests. */
export interface ModelOptions {
  /** Factor on the number of channels. */
  readonly width?: number;
  /** Rows and columns of the input image. */
  readonly size?: number;
  readonly classes?: number;
}

/** A value with its number of channels (or features). */
export interface Feature {
  readonly value: string;
  readonly channels: number;
}

export interface ConvOptions {
  readonly kernel: number;
  readonly stride?: number;
  /** Default: what keeps the size at stride 1. */
  readonly padding?: number;
  readonly dilation?: number;
  readonly groups?: number;
  readonly bias?: boolean;
}

export interface Layers {
  input(name: string, channels: number, size: number): Feature;
  conv(name: string, x: Feature, channels: number, options: ConvOptions): Feature;
  batchNorm(name: string, x: Feature, scale?: number): Feature;
  relu(name: string, x: Feature): Feature;
  maxPool(name: string, x: Feature, attrs: AttrsInput<'max-pool'>): Feature;
  linear(name: string, x: Feature, features: number): Feature;
  /** Any op without constants that keeps the number of channels, unless told. */
  apply<K extends OpKind>(
    op: K,
    name: string,
    inputs: readonly Feature[],
    attrs: AttrsInput<K>,
    channels?: number,
  ): Feature;
  /** A constant that scales each channel: [1,C,1,1], values around `around`. */
  perChannel(name: string, channels: number, around: number): Feature;
  constant(name: string, value: Tensor): Feature;
  build(outputs: readonly Feature[]): Graph;
}

/** Normals for a table lookup: 2^16 are enough to draw 138 million weights from. */
const tableSize = 65536;

/**
 * Normal weights at a few nanoseconds each: xorshift32 picks from a table of normals, two picks per step. Drawing
 * all of VGG16's 138 million by Box-Muller takes ten times as long.
 */
function fastNormals(
  random: Random,
  table: Float32Array,
  size: number,
  scale: number,
): Float32Array {
  const out = new Float32Array(size);
  let state = random.below(2 ** 32) | 1;
  for (let at = 0; at < size; at += 2) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[at] = (table[state & 65535] as number) * scale;
    if (at + 1 < size) out[at + 1] = (table[state >>> 16] as number) * scale;
  }
  return out;
}

export function createLayers(name: string, random: Random): Layers {
  const builder = graphBuilder(name);
  const table = normals(random.fork('table'), tableSize);
  const weights = (label: string, shape: readonly number[], scale: number): string =>
    builder.constant(
      label,
      float32(
        shape,
        fastNormals(
          random.fork(label),
          table,
          shape.reduce((a, b) => a * b, 1),
          scale,
        ),
      ),
    );
  /** One number per channel around `mean`. */
  const vector = (label: string, size: number, mean: number, deviation: number): string => {
    const values = normals(random.fork(label), size, deviation);
    return builder.constant(
      label,
      float32(
        [size],
        values.map((value) => mean + value),
      ),
    );
  };
  const apply: Layers['apply'] = (
    op,
    label,
    inputs,
    attrs,
    channels = inputs[0]?.channels ?? 0,
  ) => ({
    value: builder.node(
      op,
      inputs.map(({ value }) => value),
      attrs,
      label,
    ),
    channels,
  });
  return {
    input: (label, channels, size) => ({
      value: builder.input(label, ['N', channels, size, size]),
      channels,
    }),
    conv(label, x, channels, options) {
      const { kernel, stride = 1, dilation = 1, groups = 1, bias = false } = options;
      const padding = options.padding ?? (dilation * (kernel - 1)) >> 1;
      const perGroup = x.channels / groups;
      const deviation = Math.sqrt(2 / (perGroup * kernel * kernel));
      const inputs = [
        x.value,
        weights(`${label}.weight`, [channels, perGroup, kernel, kernel], deviation),
      ];
      if (bias) inputs.push(vector(`${label}.bias`, channels, 0, 0.05));
      const attrs = {
        stride: [stride, stride],
        pads: [padding, padding, padding, padding],
        dilation: [dilation, dilation],
        groups,
      } satisfies AttrsInput<'conv2d'>;
      return { value: builder.node('conv2d', inputs, attrs, label), channels };
    },
    batchNorm(label, x, scale = 1) {
      const { channels } = x;
      const spread = normals(random.fork(`${label}.variance`), channels);
      const variance = float32(
        [channels],
        spread.map((value) => Math.exp(0.25 * value)),
      );
      const inputs = [
        x.value,
        vector(`${label}.scale`, channels, scale, 0.2 * scale),
        vector(`${label}.bias`, channels, 0.05, 0.1),
        vector(`${label}.mean`, channels, 0, 0.2),
        builder.constant(`${label}.variance`, variance),
      ];
      return { value: builder.node('batch-normalization', inputs, {}, label), channels };
    },
    relu: (label, x) => apply('relu', label, [x], {}),
    maxPool: (label, x, attrs) => apply('max-pool', label, [x], attrs),
    linear(label, x, features) {
      const deviation = Math.sqrt(1 / x.channels);
      const inputs = [
        x.value,
        weights(`${label}.weight`, [features, x.channels], deviation),
        vector(`${label}.bias`, features, 0, 0.05),
      ];
      return { value: builder.node('linear', inputs, {}, label), channels: features };
    },
    apply,
    perChannel(label, channels, around) {
      const values = normals(random.fork(label), channels, 0.1 * around);
      const shaped = float32(
        [1, channels, 1, 1],
        values.map((value) => around + value),
      );
      return { value: builder.constant(label, shaped), channels };
    },
    constant: (label, value) => ({
      value: builder.constant(label, value),
      channels: value.data.length,
    }),
    build: (outputs) => builder.build(outputs.map(({ value }) => value)),
  };
}

/** Channels at a width: whole numbers, at least 2. */
export const scaleChannels = (width: number, channels: number): number =>
  Math.max(2, Math.round(width * channels));
