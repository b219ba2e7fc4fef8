/**
 * A stack within one layer: a pointwise convolution that reduces the I input channels to m, and any other method on
 * what is left. With B `[m, I]` the pointwise part and K the kernel that the other method builds,
 *
 *   Ŵ[o,i,κ] = Σ_a K[o,a,κ] · B[a,i]
 *
 * In the metric C̄ of channels (C averaged over taps) = L·Lᵀ the best m combinations for a dense K are
 * B = Qᵀ·Lᵀ with Q the first m left singular vectors of Lᵀ·W₀, W₀ unfolded by input channel; B and K are then fitted
 * by turns. With another channel decomposition as the method this is Tucker-2.
 * Source: Kim et al., Compression of Deep Convolutional Neural Networks for Fast and Low Power Mobile Applications,
 * ICLR 2016, arXiv 1511.06530; in the data metric and with other cores, ours.
 */
import {
  areaOf,
  groupKernel,
  type Built,
  type Decomposer,
  type Fitting,
  type Layer,
  type Metric,
  type Plan,
} from '@decouple/decomposition';
import type { LayerRows } from '@decouple/calibration';
import { makeNode } from '@decouple/ir';
import {
  choleskyWithRidge,
  conjugateGradient,
  gemm,
  multiplyAdd,
  solveCholesky,
  topEigen,
  transposed,
  transposedCopy,
  view,
} from '@decouple/linalg';
import { float32 } from '@decouple/tensor';

/** Combinations of input channels, `[m, I]`. */
interface Inputs {
  readonly count: number;
  readonly channels: number;
  readonly mixing: Float64Array;
}

/** Shares of the input channels that are offered. */
const shares = [0.25, 0.375, 0.5, 0.625, 0.75];
/** Conjugate gradient steps of one refit of the combinations. */
const steps = 12;
/** The pointwise convolution is called `<layer>/inputs`. */
const role = 'inputs';

/** C̄ `[I, I]`: the covariance of channels, averaged over taps. */
function channelCovariance({ gram, size, taps }: Metric): Float64Array {
  const channels = size / taps;
  const mean = new Float64Array(channels * channels);
  for (let a = 0; a < channels; a++)
    for (let b = 0; b < channels; b++) {
      let sum = 0;
      for (let tap = 0; tap < taps; tap++)
        sum += gram[(a * taps + tap) * size + b * taps + tap] as number;
      mean[a * channels + b] = sum / taps;
    }
  return mean;
}

/** W₀ unfolded by input channel, `[I, k·O]`. */
function byInput(kernel: ArrayLike<number>, { size, outputs, taps }: Metric): Float64Array {
  const channels = size / taps;
  const unfolded = new Float64Array(size * outputs);
  for (let output = 0; output < outputs; output++)
    for (let channel = 0; channel < channels; channel++)
      for (let tap = 0; tap < taps; tap++)
        unfolded[(channel * taps + tap) * outputs + output] = kernel[
          output * size + channel * taps + tap
        ] as number;
  return unfolded;
}

/** The principal combinations of input channels, and W₀ in terms of them. */
function principalInputs(metric: Metric, kernel: ArrayLike<number>, most: number) {
  const { outputs, taps, size } = metric;
  const channels = size / taps;
  const columns = taps * outputs;
  const { factor } = choleskyWithRidge(channelCovariance(metric), channels);
  const unfolded = byInput(kernel, metric);
  const whitened = gemm({
    m: channels,
    n: columns,
    k: channels,
    a: factor,
    transA: true,
    b: unfolded,
  });
  const form = gemm({
    m: channels,
    n: channels,
    k: columns,
    a: whitened,
    b: whitened,
    transB: true,
  });
  const { vectors } = topEigen(form, channels, most);
  // B = Qᵀ·Lᵀ; the rows of `vectors` are Qᵀ.
  const mixing = gemm({ m: most, n: channels, k: channels, a: vectors, b: factor, transB: true });
  const back = solveCholesky(factor, channels, transposedCopy(mixing, most, channels), most);
  return { mixing, back };
}

/**
 * Rows of C seen through combinations: B⊗1 applied to the first axis of `[I·k, n]`.
 * @param single in float32: enough for the steps of a search, not for what is factorised.
 */
function mixRows(
  { count, channels, mixing }: Inputs,
  matrix: Float64Array,
  taps: number,
  n: number,
  single = false,
) {
  const result = new Float64Array(count * taps * n);
  multiplyAdd(view(result, taps * n), view(mixing, channels), view(matrix, taps * n), {
    m: count,
    n: taps * n,
    k: channels,
    single,
  });
  return result;
}

/** The metric of kernels that read the combinations. */
function projectMetric(metric: Metric, inputs: Inputs): Metric {
  const { size, taps, outputs } = metric;
  const { count } = inputs;
  const small = count * taps;
  const half = mixRows(inputs, metric.gram, taps, size);
  const gram = mixRows(inputs, transposedCopy(half, small, size), taps, small);
  return {
    ...metric,
    inputs: count,
    size: small,
    gram,
    cross: mixRows(inputs, metric.cross, taps, outputs),
    pull: mixRows(inputs, metric.pull, taps, outputs),
    meanPatch: mixRows(inputs, metric.meanPatch, taps, 1),
  };
}

/** The metric of kernels that read the first `count` of the combinations that a metric is in. */
function leadingMetric(metric: Metric, count: number): Metric {
  const { size, taps, outputs, gram, cross, pull, meanPatch } = metric;
  const small = count * taps;
  const block = new Float64Array(small * small);
  for (let row = 0; row < small; row++)
    block.set(gram.subarray(row * size, row * size + small), row * small);
  return {
    ...metric,
    inputs: count,
    size: small,
    gram: block,
    cross: cross.slice(0, small * outputs),
    pull: pull.slice(0, small * outputs),
    meanPatch: meanPatch.slice(0, small),
  };
}

/** W₀ in terms of all combinations, `[O, m, k]`. @param back coordinates: `[I, m]`. */
function projectWeight({ group, weight }: Layer, back: Float64Array, most: number): Float64Array {
  const { inputs: channels, outputs, taps } = group;
  const projected = new Float64Array(outputs * most * taps);
  for (let tap = 0; tap < taps; tap++)
    multiplyAdd(
      { data: projected, offset: tap, rowStride: most * taps, columnStride: taps },
      { data: weight, offset: tap, rowStride: channels * taps, columnStride: taps },
      view(back, most),
      { m: outputs, n: most, k: channels },
    );
  return projected;
}

/** The layer that reads the first `count` combinations. @param weight W₀ in terms of all, `[O, m, k]`. */
function projectLayer(layer: Layer, count: number, weight: Float64Array): Layer {
  const { conv, size, group } = layer;
  const { outputs, taps } = group;
  const pitch = weight.length / outputs;
  const projected = new Float32Array(outputs * count * taps);
  for (let output = 0; output < outputs; output++) {
    const from = output * pitch;
    projected.set(weight.subarray(from, from + count * taps), output * count * taps);
  }
  const [, ...others] = conv.inputs;
  return {
    ...layer,
    conv: { ...conv, inputs: [`${conv.name}/${role}`, ...others] },
    size: { ...size, inChannels: count },
    group: { ...group, inputs: count },
    weight: projected,
  };
}

/** Samples of patches of the combinations. */
function projectRows(rows: LayerRows, { count, channels, mixing }: Inputs): LayerRows {
  const taps = rows.patchSize / channels;
  const patchSize = count * taps;
  return {
    ...rows,
    patchSize,
    visitPatches: (visit) =>
      rows.visitPatches((patches, firstRow, number) => {
        const block = new Float64Array(number * patchSize);
        for (let tap = 0; tap < taps; tap++)
          multiplyAdd(
            { data: block, offset: tap, rowStride: patchSize, columnStride: taps },
            { data: patches, offset: tap, rowStride: rows.patchSize, columnStride: taps },
            transposed(view(mixing, channels)),
            { m: number, n: count, k: channels },
          );
        visit(new Float32Array(block), firstRow, number);
      }),
  };
}

/** Refits the combinations with the kernel K `[O, m·k]` behind them fixed, by a few conjugate gradient steps. */
function refitInputs(metric: Metric, kernel: Float64Array, inputs: Inputs): Inputs {
  const { gram, cross, size, outputs, taps } = metric;
  const { count, channels, mixing } = inputs;
  const small = count * taps;
  /** KᵀK `[m·k, m·k]`. */
  const products = new Float64Array(small * small);
  multiplyAdd(view(products, small), transposed(view(kernel, small)), view(kernel, small), {
    m: small,
    n: small,
    k: outputs,
  });
  const apply = (own: Float64Array, result: Float64Array): void => {
    const seen = mixRows({ ...inputs, mixing: own }, gram, taps, size, true);
    result.fill(0);
    for (let tap = 0; tap < taps; tap++)
      multiplyAdd(
        view(result, channels),
        { data: products, offset: tap * small, rowStride: taps * small, columnStride: 1 },
        { data: seen, offset: tap, rowStride: size, columnStride: taps },
        { m: count, n: channels, k: small },
      );
  };
  /** Σ_{o,κ} K[o,a,κ]·R[i,κ,o]. */
  const target = new Float64Array(count * channels);
  for (let tap = 0; tap < taps; tap++)
    multiplyAdd(
      view(target, channels),
      { data: kernel, offset: tap, rowStride: taps, columnStride: small },
      { data: cross, offset: tap * outputs, rowStride: 1, columnStride: taps * outputs },
      { m: count, n: channels, k: outputs },
    );
  const { x } = conjugateGradient(apply, target, {
    start: mixing,
    maxIterations: steps,
    tolerance: 1e-8,
  });
  return { ...inputs, mixing: x };
}

/** Builds the combinations in front of what another method built behind them. */
function prepend({ conv }: Layer, { count, channels, mixing }: Inputs, built: Built): Built {
  const name = `${conv.name}/${role}`;
  const [input] = conv.inputs as [string];
  const weight = float32([count, channels, 1, 1], new Float32Array(mixing));
  const { add = [], constants = [], ...rest } = built.patch;
  const inputs = [input, `${name}.weight`];
  const pointwise = makeNode(
    'conv2d',
    name,
    inputs,
    { groups: 1 },
    { origin: conv.origin, outputs: [name] },
  );
  return {
    ...built,
    patch: {
      ...rest,
      add: [pointwise, ...add],
      constants: [[`${name}.weight`, weight], ...constants],
    },
  };
}

function stack(layer: Layer, projected: Layer, start: Inputs, plan: Plan): Plan {
  const { count, channels } = start;
  const params = count * channels;
  return {
    method: `pw-${plan.method}`,
    macs: params * areaOf(layer.size.input) + plan.macs,
    params: params + plan.params,
    outline: [{ role, shape: [count, channels, 1, 1] }, ...plan.outline],
    error: plan.error,
    columns: { inputs: count, ...plan.columns },
    build: async (fitting) => {
      if (!fitting) return prepend(layer, start, await plan.build(undefined));
      const [metric] = fitting.metrics as readonly [Metric];
      const behind = async (inputs: Inputs, { relu, rounds }: Pick<Fitting, 'relu' | 'rounds'>) =>
        plan.build({
          layer: projected,
          metrics: [projectMetric(metric, inputs)],
          rows: projectRows(fitting.rows, inputs),
          relu,
          rounds,
        });
      let inputs = start;
      for (let round = 0; round < fitting.rounds; round++) {
        const { kernel } = await behind(inputs, { relu: 0, rounds: fitting.rounds });
        if (kernel) inputs = refitInputs(metric, kernel, inputs);
      }
      return prepend(layer, inputs, await behind(inputs, fitting));
    },
  };
}

/** Another method on the principal combinations of input channels. Needs calibration data. */
export const onPrincipalInputs = (inner: Decomposer, multiple: number): Decomposer => ({
  name: `channel-${inner.name}`,
  ...(inner.key !== undefined && { key: JSON.stringify(['inputs', multiple, inner.key]) }),
  refuses: (layer) => {
    if (layer.size.groups > 1) return 'grouped convolutions have few channels to combine';
    if (layer.group.taps === 1) return 'pointwise convolutions have no taps to decouple';
    if (layer.group.inputs < 4 * multiple) return 'has too few input channels to combine';
    return inner.refuses(layer);
  },
  plans: (layer, metrics) => {
    const [metric] = metrics ?? [];
    if (!metric) return [];
    const channels = layer.group.inputs;
    const counts = [
      ...new Set(shares.map((share) => Math.round((share * channels) / multiple) * multiple)),
    ];
    const most = counts.at(-1) as number;
    const { mixing, back } = principalInputs(metric, groupKernel(layer, 0), most);
    const weight = projectWeight(layer, back, most);
    const whole = projectMetric(metric, { count: most, channels, mixing });
    return counts.flatMap((count) => {
      const inputs = { count, channels, mixing: mixing.slice(0, count * channels) };
      const projected = projectLayer(layer, count, weight);
      const plans = inner.plans(projected, [leadingMetric(whole, count)]);
      return plans.map((plan) => stack(layer, projected, inputs, plan));
    });
  },
});
