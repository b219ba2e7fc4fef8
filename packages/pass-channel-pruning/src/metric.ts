/**
 * The data metric as channels see it: a few features per input channel. All k taps of a channel are its features
 * where the layer is narrow. On wide layers, where eliminating by the inverse of a D×D matrix would take minutes,
 * each channel keeps the combinations of its taps that make most of its own response: with C_ii = L Lᵀ the covariance
 * of a channel's taps and M_i `[O, k]` its kernel, the right singular vectors z of M_i L are the best features
 * b = L⁻ᵀ z (Eckart and Young).
 */
import { groupKernel, type Layer, type Metric } from '@decouple/decomposition';
import { choleskyWithRidge, jacobiEigen, multiplyAdd, symmetrize, view } from '@decouple/linalg';

export interface ChannelMetric {
  readonly channels: number;
  /** r, features of each channel; feature t of channel i has number i·r + t. */
  readonly features: number;
  readonly outputs: number;
  /** `[n·r, n·r]` */
  readonly gram: Float64Array;
  /** `[n·r, outputs]` */
  readonly cross: Float64Array;
  /** Error without any channel. */
  readonly power: number;
  readonly targetVariance: number;
}

/** Features of a layer beyond which channels are reduced. */
const mostFeatures = 1600;

/** The best `features` combinations of each channel's taps, `[channels, features, taps]`. */
function bestFeatures(metric: Metric, kernel: Float32Array, features: number): Float64Array {
  const { inputs, outputs, taps, size, gram } = metric;
  const basis = new Float64Array(inputs * features * taps);
  for (let channel = 0; channel < inputs; channel++) {
    const at = channel * taps;
    const own = new Float64Array(taps * taps);
    for (let a = 0; a < taps; a++)
      own.set(gram.subarray((at + a) * size + at, (at + a) * size + at + taps), a * taps);
    const { factor } = choleskyWithRidge(own, taps);
    // M_i L, row by row into its Gram.
    const white = new Float64Array(taps * taps);
    const row = new Float64Array(taps);
    for (let output = 0; output < outputs; output++) {
      for (let b = 0; b < taps; b++) {
        let sum = 0;
        for (let a = b; a < taps; a++)
          sum += (kernel[output * size + at + a] as number) * (factor[a * taps + b] as number);
        row[b] = sum;
      }
      for (let a = 0; a < taps; a++)
        for (let b = 0; b <= a; b++)
          white[a * taps + b] =
            (white[a * taps + b] as number) + (row[a] as number) * (row[b] as number);
    }
    symmetrize(white, taps);
    const { vectors } = jacobiEigen(white, taps);
    for (let feature = 0; feature < features; feature++) {
      const place = (channel * features + feature) * taps;
      // Lᵀ b = z, from the last tap up.
      for (let a = taps - 1; a >= 0; a--) {
        let rest = vectors[feature * taps + a] as number;
        for (let b = a + 1; b < taps; b++)
          rest -= (factor[b * taps + a] as number) * (basis[place + b] as number);
        basis[place + a] = rest / (factor[a * taps + a] as number);
      }
    }
  }
  return basis;
}

/** Rows of a channel-wise product: out[(i,t), :] = Σ_κ basis[i,t,κ] · matrix[(i,κ), :]. */
function combineRows(
  basis: Float64Array,
  matrix: Float64Array,
  columns: number,
  { inputs, taps }: Pick<Metric, 'inputs' | 'taps'>,
  features: number,
): Float64Array {
  const out = new Float64Array(inputs * features * columns);
  for (let channel = 0; channel < inputs; channel++)
    multiplyAdd(
      view(out, columns, channel * features * columns),
      view(basis, taps, channel * features * taps),
      view(matrix, columns, channel * taps * columns),
      { m: features, n: columns, k: taps },
    );
  return out;
}

const transpose = (matrix: Float64Array, rows: number, columns: number): Float64Array => {
  const out = new Float64Array(matrix.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      out[column * rows + row] = matrix[row * columns + column] as number;
  return out;
};

/**
 * The metric of a layer's channels.
 * @param metric of the layer's only group. @param most features of all channels together.
 */
export function channelMetric(layer: Layer, metric: Metric, most = mostFeatures): ChannelMetric {
  const { inputs, outputs, taps, size, power, targetVariance } = metric;
  const common = { channels: inputs, outputs, power, targetVariance };
  if (size <= most) return { ...common, features: taps, gram: metric.gram, cross: metric.cross };
  const features = Math.max(1, Math.min(taps, Math.floor(most / inputs)));
  const basis = bestFeatures(metric, groupKernel(layer, 0), features);
  const half = combineRows(basis, metric.gram, size, metric, features);
  const width = inputs * features;
  const gram = combineRows(basis, transpose(half, width, size), width, metric, features);
  const cross = combineRows(basis, metric.cross, outputs, metric, features);
  return { ...common, features, gram, cross };
}
