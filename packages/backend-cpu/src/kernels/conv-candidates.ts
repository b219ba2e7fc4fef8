/**
 * The kernels among which each convolution has a choice, and a rough model of their times. The model counts vector
 * instructions; measuring on the machine itself (`tune`) replaces it.
 */
import type { Call, KernelContext } from '../kernel.ts';
import {
  depthwiseWeights,
  emitDepthwise,
  isDepthwiseLike,
  packDepthwise,
  vectorsOf,
} from './conv-depthwise.ts';
import { emitGemm, groupWeights, packBias, packWeights } from './conv-gemm.ts';
import type { ConvGeometry, ConvOperands, ConvShape } from './conv-shape.ts';
import { paddedChannels } from './gemm-tile.ts';
import { isWinogradLike, planWinograd } from './winograd.ts';
import { reachOf, type TileSize } from './winograd-transforms.ts';

export interface ConvCandidate {
  readonly applies: (geometry: ConvGeometry) => boolean;
  /** Time in vector multiply-adds; only ratios count. */
  readonly cost: (geometry: ConvGeometry) => number;
  /** Outputs are computed in tiles of so many rows and columns; the input's halo must cover whole ones. */
  readonly tile: number;
  readonly plan: (context: KernelContext, shape: ConvShape, operands: ConvOperands) => Call[];
}

/** The model's constants, in vector multiply-adds: transforms of one tile and vector, of each tile size. */
const transformCost = { 2: 60, 4: 250 };
/** Starting and storing one vector of sums. */
const sumCost = 2;
/** Reading a vector of weights from beyond the second-level cache; the product hides it where it takes longer. */
const streamCost = 2.6;

/** A matrix product of `pixels` rows. */
function productCost(pixels: number, depth: number, outChannels: number, repeats: number): number {
  const vectors = paddedChannels(outChannels) / 4;
  const product = pixels * vectors * (depth + sumCost);
  return repeats * Math.max(product, depth * vectors * streamCost);
}

const gemm: ConvCandidate = {
  applies: () => true,
  cost: ({ batch, outRows, outColumns, groups, channels, outChannels, kernel }) =>
    productCost(
      batch * outRows * outColumns,
      kernel[0] * kernel[1] * channels,
      outChannels,
      groups,
    ),
  tile: 1,
  plan: (context, shape, { input, output, residual, weight, bias }) => {
    const name = context.function('gemm', shape, 6, (f, args) =>
      emitGemm(f, args, shape, context.fma),
    );
    const weights = context.weights(shape.groups * groupWeights(shape), (target) =>
      packWeights(target, weight, shape),
    );
    const offsets = context.weights(shape.groups * paddedChannels(shape.outChannels), (target) => {
      if (bias) packBias(target, bias, shape);
    });
    return [{ function: name, args: [input, weights, offsets, output, residual, null] }];
  },
};

const depthwise: ConvCandidate = {
  applies: isDepthwiseLike,
  cost: ({ batch, outRows, outColumns, groups, channels, outChannels, kernel }) =>
    (batch * outRows * outColumns * groups * channels * outChannels * kernel[0] * kernel[1]) / 2,
  tile: 1,
  plan: (context, shape, { input, output, residual, weight, bias }) => {
    const name = context.function('depthwise', shape, 5, (f, args) =>
      emitDepthwise(f, args, shape, context.fma),
    );
    const weights = context.weights(depthwiseWeights(shape), (target) =>
      packDepthwise(target, weight, shape),
    );
    const offsets = context.weights(4 * vectorsOf(shape), (target) => {
      if (bias) target.set(bias);
    });
    return [{ function: name, args: [input, weights, offsets, output, residual] }];
  },
};

const winograd = (tile: TileSize): ConvCandidate => ({
  applies: isWinogradLike,
  cost: ({ batch, outRows, outColumns, channels, outChannels }) => {
    const tiles = batch * Math.ceil(outRows / tile) * Math.ceil(outColumns / tile);
    const transforms = (tiles * (channels + outChannels) * transformCost[tile]) / 4;
    return transforms + productCost(tiles, channels, outChannels, reachOf(tile) ** 2);
  },
  tile,
  plan: (context, shape, operands) => planWinograd(context, shape, operands, tile),
});

export const convCandidates = {
  gemm,
  depthwise,
  'winograd-f2': winograd(2),
  'winograd-f4': winograd(4),
} as const satisfies Readonly<Record<string, ConvCandidate>>;

export type ConvKernel = keyof typeof convCandidates;
export const convKernels = Object.keys(convCandidates) as readonly ConvKernel[];
