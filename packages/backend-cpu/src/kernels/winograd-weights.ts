/**
 * U[k, c, o] = G g Gᵀ of each filter, packed as [k][panel][c][o]. A network has millions of filters, so the loops are
 * plain and write whole rows: all k of a panel of output channels at once.
 */
import type { ConvSizes } from './conv-shape.ts';
import { paddedChannels } from './gemm-panels.ts';
import { reachOf, weightTransforms, type TileSize } from './winograd-transforms.ts';

class FilterTransform {
  private readonly size: number;
  /** G, row by row. */
  private readonly rows: Float64Array;
  private readonly between: Float64Array;
  /** Places from one k to the next. */
  private readonly step: number;

  constructor(tile: TileSize, step: number) {
    this.size = reachOf(tile);
    this.step = step;
    this.rows = Float64Array.from(weightTransforms[tile].flat());
    this.between = new Float64Array(3 * this.size);
  }

  /** Writes the matrix of the 3 × 3 filter at `at` to places of `block`, from `lane` on. */
  apply(source: Float32Array, at: number, block: Float32Array, lane: number): void {
    const { size, rows, between, step } = this;
    for (let i = 0; i < 3 * size; i += 3)
      for (let w = 0; w < 3; w++)
        between[i + w] =
          (rows[i] as number) * (source[at + w] as number) +
          (rows[i + 1] as number) * (source[at + 3 + w] as number) +
          (rows[i + 2] as number) * (source[at + 6 + w] as number);
    let to = lane;
    for (let i = 0; i < 3 * size; i += 3)
      for (let j = 0; j < 3 * size; j += 3, to += step)
        block[to] =
          (between[i] as number) * (rows[j] as number) +
          (between[i + 1] as number) * (rows[j + 1] as number) +
          (between[i + 2] as number) * (rows[j + 2] as number);
  }
}

/** What winograd weights are packed by: `panel` is the number of output channels in a full panel. */
interface WinogradOrder {
  readonly sizes: ConvSizes;
  readonly tile: TileSize;
  readonly panel: number;
}

/** [O,I,3,3] → [k][panel][I][`panel` or the rest], zeros beyond the last channel. */
export function packWinograd(
  target: Float32Array,
  source: Float32Array,
  { sizes: { channels, outChannels }, tile, panel }: WinogradOrder,
): void {
  const products = reachOf(tile) ** 2;
  const width = paddedChannels(outChannels);
  const transform = new FilterTransform(tile, panel);
  const block = new Float32Array(panel * products);
  for (let first = 0; first < outChannels; first += panel) {
    const panelWidth = Math.min(panel, width - first);
    const lanes = Math.min(panel, outChannels - first);
    for (let channel = 0; channel < channels; channel++) {
      for (let lane = 0; lane < lanes; lane++)
        transform.apply(source, 9 * ((first + lane) * channels + channel), block, lane);
      let to = first * channels + channel * panelWidth;
      for (let k = 0; k < products; k++, to += channels * width)
        for (let lane = 0; lane < lanes; lane++)
          target[to + lane] = block[panel * k + lane] as number;
    }
  }
}
