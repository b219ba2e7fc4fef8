/**
 * A 3×3 convolution with stride 1 by Winograd's minimal filtering: tiles of m × m outputs (m = 2 or 4) need t × t
 * products per pair of channels, t = m + 2, instead of 9·m²; for m = 4 that is a quarter. Three functions:
 *
 *   input     V[k, tile, c] = Bᵀ d B for each tile and channel          k = 0 … t²-1
 *   product   M[k, tile, o] = Σ_c V[k, tile, c] · U[k, c, o]            t² matrix products
 *   output    y = Aᵀ M A + bias + residual, activated
 *
 * They run block by block of tile rows, so that V and M stay in the second-level cache. Each k begins 64 bytes off a
 * multiple of 4 KiB: the t² places of one tile then fall into different sets of the first-level cache.
 * Weights are transformed and packed as [k][panel][c][o]. The input's halo must cover whole tiles.
 */
import type { Call, KernelContext } from '../kernel.ts';
import type { Address } from '../layout.ts';
import {
  sizesOfWeights,
  type ConvGeometry,
  type ConvOperands,
  type ConvShape,
} from './conv-shape.ts';
import type { WinogradBlocks } from './conv-work.ts';
import { paddedChannels, panelChannels } from './gemm-panels.ts';
import { emitWinogradInput } from './winograd-input.ts';
import { emitWinogradOutput } from './winograd-output.ts';
import { emitWinogradProduct } from './winograd-product.ts';
import { reachOf, type TileSize } from './winograd-transforms.ts';

/** Bytes of V and M in a block, at least: what a second-level cache holds. */
const blockBytes = 2 << 20;

export interface WinogradShape extends ConvShape {
  readonly tile: TileSize;
  /** Of one image. */
  readonly tileRows: number;
  readonly tileColumns: number;
  /** Output channels of a full panel. */
  readonly panel: number;
  /** Bytes from one k to the next in V and M. */
  readonly inputStep: number;
  readonly productStep: number;
}

/** Whether Winograd's method serves a convolution. */
export const isWinogradLike = ({ kernel, stride, dilation, groups }: ConvGeometry): boolean =>
  groups === 1 && kernel.join() === '3,3' && [...stride, ...dilation].every((size) => size === 1);

/**
 * Tiles of one image, and rows of tiles in a block, over all images. Small blocks keep V and M in the cache; but each
 * block reads all weights again, so it is larger where these are.
 */
export function blocksOf(
  { batch, channels, outChannels, outRows, outColumns }: ConvGeometry,
  tile: TileSize,
): WinogradBlocks {
  const products = reachOf(tile) ** 2;
  const [tileRows, tileColumns] = [Math.ceil(outRows / tile), Math.ceil(outColumns / tile)];
  const rowBytes = 4 * products * tileColumns * (channels + outChannels);
  const weightBytes = 4 * products * channels * outChannels;
  const wanted = Math.max(1, Math.floor(Math.max(blockBytes, 2 * weightBytes) / rowBytes));
  const rows = batch * tileRows;
  return { tileRows, tileColumns, blockRows: Math.ceil(rows / Math.ceil(rows / wanted)) };
}

const stepOf = (bytes: number): number => Math.ceil(bytes / 4096) * 4096 + 64;

/** The calls of a convolution, three a block. */
export function planWinograd(
  context: KernelContext,
  conv: ConvShape,
  operands: ConvOperands,
  tile: TileSize,
): Call[] {
  const { weight, bias, input, output, residual } = operands;
  const { channels, outChannels, batch } = conv;
  const products = reachOf(tile) ** 2;
  const width = paddedChannels(outChannels);
  const { tileRows, tileColumns, blockRows: rows } = blocksOf(conv, tile);
  const inputStep = stepOf(4 * rows * tileColumns * channels);
  const productStep = stepOf(4 * rows * tileColumns * width);
  const panel = panelChannels(rows * tileColumns, outChannels);
  const shape: WinogradShape = {
    ...{ ...conv, tile, tileRows, tileColumns },
    ...{ panel, inputStep, productStep },
  };
  const { fma } = context;
  const inputName = context.function('winograd-input', shape, 4, (f, args) =>
    emitWinogradInput(f, args, shape, fma),
  );
  const productName = (tiles: number): string =>
    context.function('winograd-product', { ...shape, tiles }, 5, (f, args) =>
      emitWinogradProduct(f, args, { ...shape, tiles }, fma),
    );
  const outputName = context.function('winograd-output', shape, 6, (f, args) =>
    emitWinogradOutput(f, args, shape, fma),
  );
  const sizes = sizesOfWeights(conv);
  const weights = context.weights(products * channels * width, {
    order: { kind: 'winograd', sizes, tile, panel },
    source: weight,
  });
  const offsets = context.weights(width, bias && { order: { kind: 'bias', sizes }, source: bias });
  const v = context.scratch((products * inputStep) / 4);
  const m = context.scratch((products * productStep) / 4);
  const before = (address: Address, bytes: number): Address => ({
    ...address,
    offset: address.offset - bytes,
  });
  const units = products * Math.ceil(outChannels / panel);
  const calls: Call[] = [];
  for (let from = 0; from < batch * tileRows; from += rows) {
    const to = Math.min(from + rows, batch * tileRows);
    const [blockV, blockM] = [
      before(v, 4 * from * tileColumns * channels),
      before(m, 4 * from * tileColumns * width),
    ];
    calls.push(
      { function: inputName, args: [input, blockV], range: [from, to] },
      {
        function: productName((to - from) * tileColumns),
        args: [v, weights, m],
        range: [0, units],
      },
      { function: outputName, args: [blockM, offsets, output, residual], range: [from, to] },
    );
  }
  return calls;
}
