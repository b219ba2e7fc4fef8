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
const transformCost = { 2: 60, 4: 250 };
/** Starting and storing one vector of sums. */
const sumCost = 2;
/** Each kernel row of one vector of sums: the loop over its inputs starts anew. */
const rowCost = 2;
/** Reading a vector of weights from beyond the second-level cache; the product hides it where it takes longer. */
const streamCost = 2.6;
/** A multiply-add of a depthwise kernel, which loads about one operand for each. */
const depthwiseCost = 1.4;

/** A matrix product of `pixels` rows, whose depth is reached in `rows` steps. */
function productCost(
  pixels: number,
  { depth, rows }: { readonly depth: number; readonly rows: number },
  outChannels: number,
): number {
  const vectors = paddedChannels(outChannels) / 4;
  const product = pixels * vectors * (depth + rows * rowCost + sumCost);
  return Math.max(product, depth * vectors * streamCost);
}

const gemm: ConvCandidate = {
  applies: () => true,
  cost: ({ batch, outRows, outColumns, groups, channels, outChannels, kernel }) => {
    const reduction = { depth: kernel[0] * kernel[1] * channels, rows: kernel[0] };
    return groups * productCost(batch * outRows * outColumns, reduction, outChannels);
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
    const transforms = (tiles * (channels + outChannels) * transformCost[tile]) / 4;
    const product = productCost(tiles, { depth: channels, rows: 1 }, outChannels);
    return transforms + reachOf(tile) ** 2 * product;
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
