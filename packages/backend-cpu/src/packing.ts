/**
 * How packed weights come from a model's constants. Packings are data, so that they can be carried out when a network
 * is compiled, or written to a file and carried out when that is loaded (ahead/loader.ts).
 */
import { packBias, packWeights } from './kernels/conv-gemm-weights.ts';
import { packDepthwise } from './kernels/conv-depthwise-weights.ts';
import type { ConvSizes } from './kernels/conv-shape.ts';
import { packWinograd, type WinogradFilters } from './kernels/winograd-weights.ts';
import type { TileSize } from './kernels/winograd-transforms.ts';
import { writeStrided } from './transfer.ts';

/** The order in which the numbers of one constant are wanted. */
export type Order =
  | { readonly kind: 'plain' }
  | {
      readonly kind: 'strided';
      readonly strides: readonly number[];
      readonly shape: readonly number[];
    }
  | { readonly kind: 'bias' | 'depthwise'; readonly sizes: ConvSizes }
  | { readonly kind: 'gemm'; readonly sizes: ConvSizes; readonly panel: number }
  | {
      readonly kind: 'winograd';
      readonly sizes: ConvSizes;
      readonly tile: TileSize;
      readonly panel: number;
    };

/** A constant and its order. Whole numbers (tables) are always plain. */
export interface Packing {
  readonly order: Order;
  readonly source: Float32Array | Int32Array;
}

/**
 * Fills a stretch of packed weights, which is zero before.
 * @param filters asked for only where there are weights for Winograd's method.
 */
export function pack(
  target: Float32Array,
  { order, source }: Packing,
  filters: () => WinogradFilters,
): void {
  if (source instanceof Int32Array) {
    new Int32Array(target.buffer, target.byteOffset, source.length).set(source);
    return;
  }
  switch (order.kind) {
    case 'plain':
      return target.set(source);
    case 'strided':
      return writeStrided(target, order.strides, order.shape, source);
    case 'gemm':
      return packWeights(target, source, order.sizes, order.panel);
    case 'bias':
      return packBias(target, source, order.sizes);
    case 'depthwise':
      return packDepthwise(target, source, order.sizes);
    case 'winograd':
      return packWinograd(target, source, order, filters());
  }
}
