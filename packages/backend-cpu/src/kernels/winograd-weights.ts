/**
 * U[k, c, o] = G g Gᵀ of each filter, packed as [k][panel][c][o]. A network has millions of filters, so a small module of
 * its own transforms them (winograd-filters.ts), block by block; results are moved on while they are in the cache.
 */
import { webAssembly, type WasmMemory } from '@decouple/wasm';
import type { ConvSizes } from './conv-shape.ts';
import { paddedChannels } from './gemm-panels.ts';
import { reachOf, type TileSize } from './winograd-transforms.ts';

/** Filters of a block: input channels × output channels of the panel. */
const blockFilters = 1024;
const filterFloats = 9;
/** Where results begin: behind the filters of a block. */
const blockStart = blockFilters * filterFloats;
/** Lines of results are this much longer than what is in them, so that they don't all lie in the same sets of a cache. */
const lineGap = 16;
/** Memory that the module needs, in floats. */
export const filterMemoryFloats = blockStart + reachOf(4) ** 2 * (blockFilters + lineGap);

/**
 * Transforms `count` filters of two output channels each.
 * @param first byte address of the first channel's filters; those of the second begin `lane` bytes further on.
 * @param to byte address of the results, which lie `pixel` bytes apart; those of the next product `step` bytes.
 */
type Transform = (
  first: number,
  lane: number,
  to: number,
  pixel: number,
  step: number,
  count: number,
) => void;

/** The module of winograd-filters.ts, instantiated. */
export interface WinogradFilters {
  readonly memory: Float32Array;
  readonly transforms: Readonly<Record<TileSize, Transform>>;
}

/** @param code of winograd-filters.ts, which browsers compile at once while it is below 4 KB. */
export function startFilters(code: Uint8Array): WinogradFilters {
  const { exports } = new webAssembly.Instance(new webAssembly.Module(code));
  const { memory, f2, f4 } = exports as { memory: WasmMemory; f2: Transform; f4: Transform };
  return { memory: new Float32Array(memory.buffer), transforms: { 2: f2, 4: f4 } };
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
  { memory, transforms }: WinogradFilters,
): void {
  const products = reachOf(tile) ** 2;
  const width = paddedChannels(outChannels);
  const blockChannels = Math.floor(blockFilters / panel);
  for (let first = 0; first < outChannels; first += panel) {
    const panelWidth = Math.min(panel, width - first);
    const lanes = Math.min(panel, outChannels - first);
    for (let channel = 0; channel < channels; channel += blockChannels) {
      const count = Math.min(blockChannels, channels - channel);
      const filters = count * filterFloats;
      for (let lane = 0; lane < lanes; lane++) {
        const from = filterFloats * ((first + lane) * channels + channel);
        memory.set(source.subarray(from, from + filters), lane * filters);
      }
      memory.fill(0, lanes * filters, panelWidth * filters);
      const line = count * panelWidth;
      const step = line + lineGap;
      for (let lane = 0; lane < panelWidth; lane += 2)
        transforms[tile](
          4 * lane * filters,
          4 * filters,
          4 * (blockStart + lane),
          4 * panelWidth,
          4 * step,
          count,
        );
      let to = first * channels + channel * panelWidth;
      for (let k = 0, at = blockStart; k < products; k++, at += step, to += channels * width)
        target.set(memory.subarray(at, at + line), to);
    }
  }
}
