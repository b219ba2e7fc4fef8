/**
 * U[k, c, o] = G g Gᵀ of each filter, packed as [k][panel][c][o]. A network has millions of filters, so the loops are
 * plain, and results gather in a block that stays in the cache.
 */
import type { ConvSizes } from './conv-shape.ts';
import { paddedChannels } from './gemm-panels.ts';
import { reachOf, weightTransforms, type TileSize } from './winograd-transforms.ts';

/**
 * G of F(m×m, 3×3) times columns: the first row takes the first number, the last one the last, and those in between
 * come in pairs (a, ±b, c), even ± odd.
 */
class FilterTransform {
  private readonly size: number;
  private readonly first: number;
  /** a, b and c of the pairs: one of four rows, two of six. */
  private readonly factors: Float64Array;
  /** G g, row by row. */
  private readonly between: Float32Array;

  constructor(tile: TileSize) {
    const rows = weightTransforms[tile];
    this.size = reachOf(tile);
    this.first = rows[0]?.[0] as number;
    this.factors = Float64Array.from([...(rows[1] ?? []), ...(rows[3] ?? [])]);
    this.between = new Float32Array(3 * this.size);
  }

  /** G · (source[at], source[at + skip], source[at + 2·skip]) to `target` from `to` on, with `step` from row to row. */
  private column(
    source: Float32Array,
    at: number,
    skip: number,
    target: Float32Array,
    to: number,
    step: number,
  ): void {
    const { factors } = this;
    const x = source[at] as number;
    const y = source[at + skip] as number;
    const z = source[at + 2 * skip] as number;
    target[to] = this.first * x;
    let even = (factors[0] as number) * x + (factors[2] as number) * z;
    let odd = (factors[1] as number) * y;
    target[to + step] = even + odd;
    target[to + 2 * step] = even - odd;
    to += 3 * step;
    if (this.size === 6) {
      even = (factors[3] as number) * x + (factors[5] as number) * z;
      odd = (factors[4] as number) * y;
      target[to] = even + odd;
      target[to + step] = even - odd;
      to += 2 * step;
    }
    target[to] = z;
  }

  /** Writes the matrix of the 3 × 3 filter at `at` of `source` to `target` from `to` on, with `step` from k to k. */
  apply(source: Float32Array, at: number, target: Float32Array, to: number, step: number): void {
    const { size, between } = this;
    for (let w = 0; w < 3; w++) this.column(source, at + w, 3, between, w, 3);
    for (let i = 0; i < size; i++)
      this.column(between, 3 * i, 1, target, to + i * size * step, step);
  }
}

/** What winograd weights are packed by: `panel` is the number of output channels in a full panel. */
interface WinogradOrder {
  readonly sizes: ConvSizes;
  readonly tile: TileSize;
  readonly panel: number;
}

/** Input channels that are transformed before results are moved on, all k of a panel: they stay in the cache. */
const blockChannels = 32;

/** [O,I,3,3] → [k][panel][I][`panel` or the rest], zeros beyond the last channel. */
export function packWinograd(
  target: Float32Array,
  source: Float32Array,
  { sizes: { channels, outChannels }, tile, panel }: WinogradOrder,
): void {
  const products = reachOf(tile) ** 2;
  const width = paddedChannels(outChannels);
  const transform = new FilterTransform(tile);
  const block = new Float32Array(products * blockChannels * panel);
  for (let first = 0; first < outChannels; first += panel) {
    const panelWidth = Math.min(panel, width - first);
    const lanes = Math.min(panel, outChannels - first);
    for (let channel = 0; channel < channels; channel += blockChannels) {
      const count = Math.min(blockChannels, channels - channel);
      const step = count * panelWidth;
      if (lanes < panelWidth) block.fill(0);
      for (let lane = 0; lane < lanes; lane++)
        for (let c = 0; c < count; c++) {
          const filter = 9 * ((first + lane) * channels + channel + c);
          transform.apply(source, filter, block, c * panelWidth + lane, step);
        }
      let to = first * channels + channel * panelWidth;
      for (let k = 0; k < products; k++, to += channels * width)
        target.set(block.subarray(k * step, (k + 1) * step), to);
    }
  }
}
