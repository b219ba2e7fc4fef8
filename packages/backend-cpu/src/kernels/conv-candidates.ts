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
import type { TileSize } from './winograd-transforms.ts';

export interface ConvCandidate {
  readonly applies: (geometry: ConvGeometry) => boolean;
  /** Time in vector multiply-adds; only ratios count. */
  readonly cost: (geometry: ConvGeometry) => number;
  /** Outputs are computed in tiles of so many rows and columns; the input's halo must cover whole ones. */
  readonly tile: number;
  readonly plan: (context: KernelContext, shape: ConvShape, operands: ConvOperands) => Call[];
}

const macs = ({ batch, outRows, outColumns, groups, ...shape }: ConvGeometry): number =>
  batch * outRows * outColumns * groups * shape.channels * shape.outChannels * taps(shape);

const taps = ({ kernel }: Pick<ConvGeometry, 'kernel'>): number => kernel[0] * kernel[1];

const gemm: ConvCandidate = {
  applies: () => true,
  cost: (geometry) => {
    const { outChannels } = geometry;
    return (macs(geometry) / 4) * (paddedChannels(outChannels) / outChannels);
  },
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
  cost: (geometry) => macs(geometry) / 2,
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
  cost: (geometry) => {
    const { batch, channels, outChannels } = geometry;
    const products = (tile + 2) ** 2;
    const tiles =
      batch * Math.ceil(geometry.outRows / tile) * Math.ceil(geometry.outColumns / tile);
    const transforms = (tiles * (channels + outChannels) * transformCost[tile]) / 4;
    const weights = (products * channels * outChannels) / 4;
    return (tiles * products * channels * outChannels) / 4 + transforms + weights * streamCost;
  },
  tile,
  plan: (context, shape, operands) => planWinograd(context, shape, operands, tile),
});

/** Multiply-adds that a transform of one tile and vector takes as long as. */
const transformCost = { 2: 60, 4: 200 };
/** Multiply-adds that reading a vector of weights for the first time takes as long as. */
const streamCost = 2;

export const convCandidates = {
  gemm,
  depthwise,
  'winograd-f2': winograd(2),
  'winograd-f4': winograd(4),
} as const satisfies Readonly<Record<string, ConvCandidate>>;

export type ConvKernel = keyof typeof convCandidates;
export const convKernels = Object.keys(convCandidates) as readonly ConvKernel[];
