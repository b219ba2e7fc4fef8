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
import { emitGemm, groupWeights, packBias, packWeights, panelCount, splitOf } from './conv-gemm.ts';
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
const transformCost = { 2: 60, 4: 320 };
/** Starting and storing one vector of sums. */
const sumCost = 2;
/** Each tap of one vector of sums, where channels of neighbouring pixels don't lie together. */
const tapCost = 2;
/** Reading a vector of weights from beyond the second-level cache; the product hides it where it takes longer. */
const streamCost = 2.6;
/** A multiply-add of a depthwise kernel, which loads about one operand for each. */
const depthwiseCost = 1.4;

/** A matrix product of `pixels` rows; `extra` is added to each of its sums. */
function productCost(pixels: number, depth: number, outChannels: number, extra = 0): number {
  const vectors = paddedChannels(outChannels) / 4;
  const product = pixels * vectors * (depth + extra + sumCost);
  return Math.max(product, depth * vectors * streamCost);
}

const gemm: ConvCandidate = {
  applies: () => true,
  cost: (geometry) => {
    const { batch, outRows, outColumns, groups, channels, outChannels, kernel } = geometry;
    const taps = kernel[0] * kernel[1];
    const extra = groups > 1 || geometry.dilation[1] > 1 ? taps * tapCost : 0;
    return groups * productCost(batch * outRows * outColumns, taps * channels, outChannels, extra);
  },
  tile: 1,
  plan: (context, shape, { input, output, residual, weight, bias }) => {
    const split = splitOf(shape);
    const name = context.function('gemm', { ...shape, split }, 10, (f, args) =>
      emitGemm(f, args, shape, context.fma, split),
    );
    const weights = context.weights(shape.groups * groupWeights(shape), (target) =>
      packWeights(target, weight, shape),
    );
    const offsets = context.weights(shape.groups * paddedChannels(shape.outChannels), (target) => {
      if (bias) packBias(target, bias, shape);
    });
    const [rows, panels] = [shape.batch * shape.outRows, panelCount(shape)];
    const [whole, range] = split === 'rows' ? [panels, rows] : [rows, panels];
    const args = [input, weights, offsets, output, residual, null, 0, whole];
    return [{ function: name, args, range: [0, range] }];
  },
};

const depthwise: ConvCandidate = {
  applies: isDepthwiseLike,
  cost: (shape) => {
    const { batch, outRows, outColumns, kernel, groups, channels, outChannels } = shape;
    const products = batch * outRows * outColumns * groups * channels * outChannels;
    return ((products * kernel[0] * kernel[1]) / 4) * depthwiseCost;
  },
  tile: 1,
  plan: (context, shape, { input, output, residual, weight, bias }) => {
    const name = context.function('depthwise', shape, 7, (f, args) =>
      emitDepthwise(f, args, shape, context.fma),
    );
    const weights = context.weights(depthwiseWeights(shape), (target) =>
      packDepthwise(target, weight, shape),
    );
    const offsets = context.weights(4 * vectorsOf(shape), (target) => {
      if (bias) target.set(bias);
    });
    const range = [0, shape.batch * shape.outRows] as const;
    return [{ function: name, args: [input, weights, offsets, output, residual], range }];
  },
};

const winograd = (tile: TileSize): ConvCandidate => ({
  applies: isWinogradLike,
  cost: ({ batch, outRows, outColumns, channels, outChannels }) => {
    const tiles = batch * Math.ceil(outRows / tile) * Math.ceil(outColumns / tile);
    // Channels that fill no vector are stored in two parts.
    const inputs = Math.ceil(channels / 4) * (channels % 4 ? 2 : 1);
    const transforms = tiles * (inputs + Math.ceil(outChannels / 4)) * transformCost[tile];
    return transforms + reachOf(tile) ** 2 * productCost(tiles, channels, outChannels);
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
