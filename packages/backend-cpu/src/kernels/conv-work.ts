/**
 * What the kernels of convolutions do, counted from their loops: `<kernel>.<what>`. Rates for the units are fitted to
 * probes (probe.ts).
 *
 *   fma       vector multiply-adds
 *   idle      places of a step that a tile of fewer than ten sums leaves empty: the sums' latency is what it takes
 *   near…far  bytes of weights read once each run, by what the caches still hold of them: `large` where the layer has
 *             many of them, `far` where the layer or all others that run between two reads do
 *   spill     bytes of results that no cache holds
 */
import type { Work } from '@decouple/cost-model';
import { depthwiseTile } from './conv-depthwise.ts';
import { groupWeights } from './conv-gemm-weights.ts';
import { kernelRowsOf, type ConvGeometry } from './conv-shape.ts';
import { paddedChannels, panelChannels, panelsOf, tilePixels, tileSums } from './gemm-panels.ts';
import { reachOf, type TileSize } from './winograd-transforms.ts';

/** Weights of a layer of more bytes come from the third-level cache even within it. */
const largeWeights = 1.5e6;
/** Weights of a network of more bytes come from memory, at least in part. */
const hugeWeights = 12e6;
/** Results of more bytes don't stay in the caches. */
const largeResult = 1e6;

/** Counts the multiply-adds of tiles: `pixels` × `vectors` sums over `depth` inputs. */
class Tiles {
  fma = 0;
  idle = 0;
  count = 0;
  stores = 0;

  private add(pixels: number, vectors: number, depth: number, times: number): void {
    if (pixels === 0) return;
    this.fma += times * depth * pixels * vectors;
    this.idle += times * depth * Math.max(0, tileSums - pixels * vectors);
    this.count += times;
    this.stores += times * pixels * vectors;
  }

  /** Full tiles of a line of pixels, and one for the rest. */
  addLine(pixels: number, vectors: number, depth: number, times: number): void {
    const size = tilePixels(vectors, pixels);
    this.add(size, vectors, depth, times * Math.floor(pixels / size));
    this.add(pixels % size, vectors, depth, times);
  }
}

/**
 * Bytes of weights by where they come from: each tier holds all that come from so far at least.
 * @param size of the layer's weights, of which `read` bytes are read.
 * @param network bytes of all weights of the network, as they are in its model.
 */
const weightBytes = (name: string, size: number, read: number, network: number): Work => ({
  [`${name}.near`]: read,
  [`${name}.large`]: size > largeWeights ? read : 0,
  [`${name}.far`]: Math.max(size, network) > hugeWeights ? read : 0,
});

const spilled = ({ batch, outRows, outColumns, groups, outChannels }: ConvGeometry): number => {
  const bytes = 4 * batch * outRows * outColumns * groups * outChannels;
  return bytes > largeResult ? bytes : 0;
};

export function gemmWork(geometry: ConvGeometry, network: number): Work {
  const { batch, outRows, outColumns, groups, channels, outChannels } = geometry;
  const { kernel, stride, dilation } = geometry;
  const rows = batch * outRows;
  const tiles = new Tiles();
  // Of an average row.
  const kernelRows =
    Array.from({ length: outRows }, (_, row) => kernelRowsOf(geometry, row)).reduce(
      (sum, [first, end]) => sum + end - first,
      0,
    ) / Math.max(1, outRows);
  const oneLine = [...kernel, ...stride].every((size) => size === 1);
  const [line, lines] = oneLine ? [rows * outColumns, 1] : [outColumns, rows];
  for (const { vectors, count } of panelsOf(outChannels, panelChannels(line, outChannels)))
    tiles.addLine(line, vectors, kernelRows * kernel[1] * channels, groups * count * lines);
  // Taps of neighbouring pixels lie together unless groups or dilation part them.
  const straight = kernel[1] === 1 || (dilation[1] === 1 && groups === 1);
  const name = straight ? 'gemm' : 'grouped';
  const weights = 4 * groups * groupWeights(geometry);
  return {
    [`${name}.fma`]: tiles.fma,
    [`${name}.idle`]: tiles.idle,
    [`${name}.tile`]: tiles.count,
    [`${name}.product`]: tiles.count * kernelRows * (straight ? 1 : kernel[1]),
    [`${name}.store`]: tiles.stores,
    ...weightBytes(name, weights, weights, network),
    [`${name}.spill`]: spilled(geometry),
    [`${name}.call`]: 1,
  };
}

/** A matrix product with weights of a fully connected layer; reading these is most of the time of a single row. */
export function matrixWork(
  rows: number,
  channels: number,
  outChannels: number,
  network: number,
): Work {
  const vectors = paddedChannels(outChannels) / 4;
  const bytes = 16 * channels * vectors;
  return {
    'linear.fma': rows > 1 ? rows * channels * vectors : 0,
    ...weightBytes('linear', bytes, bytes, network),
    'linear.call': 1,
  };
}

/** Rows of tiles in a block: see winograd.ts. */
export interface WinogradBlocks {
  readonly tileRows: number;
  readonly tileColumns: number;
  readonly blockRows: number;
}

export function winogradWork(
  geometry: ConvGeometry,
  tile: TileSize,
  { tileRows, tileColumns, blockRows }: WinogradBlocks,
  network: number,
): Work {
  const { batch, channels, outChannels } = geometry;
  const products = reachOf(tile) ** 2;
  const rows = batch * tileRows;
  const panel = panelChannels(blockRows * tileColumns, outChannels);
  const tiles = new Tiles();
  for (let from = 0; from < rows; from += blockRows) {
    const inBlock = Math.min(blockRows, rows - from) * tileColumns;
    for (const { vectors, count } of panelsOf(outChannels, panel))
      tiles.addLine(inBlock, vectors, channels, products * count);
  }
  const name = `winograd-f${tile}`;
  const weights = 4 * products * channels * paddedChannels(outChannels);
  return {
    [`${name}.fma`]: tiles.fma,
    [`${name}.idle`]: tiles.idle,
    [`${name}.store`]: tiles.stores,
    [`${name}.input`]: rows * tileColumns * Math.floor(channels / 4),
    // Channels that fill no vector are stored one by one.
    [`${name}.ragged`]: channels % 4 ? rows * tileColumns : 0,
    [`${name}.output`]: rows * tileColumns * Math.ceil(outChannels / 4),
    ...weightBytes(name, weights, weights * Math.ceil(rows / blockRows), network),
    [`${name}.spill`]: spilled(geometry),
    [`${name}.call`]: Math.ceil(rows / blockRows),
  };
}

/** Weights of more bytes leave the first-level cache from one tile of pixels to the next. */
const firstCache = 32768;

export function depthwiseWork(geometry: ConvGeometry): Work {
  const { batch, outRows, outColumns, groups, channels: terms, outChannels } = geometry;
  const { kernel, stride, dilation } = geometry;
  const taps = kernel[0] * kernel[1];
  const { pixels, vectors: width } = depthwiseTile(geometry);
  const vectors = Math.ceil((groups * outChannels) / 4);
  const tilesInRows = batch * outRows * Math.ceil(outColumns / pixels);
  const inputs = (Math.min(pixels, outColumns) - 1) * stride[1] + (kernel[1] - 1) * dilation[1] + 1;
  return {
    'depthwise.fma': batch * outRows * outColumns * vectors * taps * terms,
    'depthwise.load': tilesInRows * vectors * terms * kernel[0] * (inputs + kernel[1]),
    'depthwise.row': tilesInRows * Math.ceil(vectors / width) * kernel[0],
    'depthwise.weights':
      16 * vectors * terms * taps > firstCache ? tilesInRows * vectors * terms * taps : 0,
    'depthwise.spill': spilled(geometry),
    'depthwise.call': 1,
  };
}
