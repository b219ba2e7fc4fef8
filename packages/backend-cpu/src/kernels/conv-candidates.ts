/** The kernels among which each convolution has a choice. */
import type { Work } from '@decouple/cost-model';
import type { Call, KernelContext } from '../kernel.ts';
import { emitDepthwise, isDepthwiseLike } from './conv-depthwise.ts';
import { depthwiseWeights, vectorsOf } from './conv-depthwise-weights.ts';
import { emitGemm, gemmPanel, panelCount, splitOf } from './conv-gemm.ts';
import { groupWeights } from './conv-gemm-weights.ts';
import {
  sizesOfWeights,
  type ConvGeometry,
  type ConvOperands,
  type ConvShape,
} from './conv-shape.ts';
import { paddedChannels } from './gemm-panels.ts';
import { depthwiseWork, gemmWork, winogradWork } from './conv-work.ts';
import { blocksOf, isWinogradLike, planWinograd } from './winograd.ts';
import type { TileSize } from './winograd-transforms.ts';

export interface ConvCandidate {
  readonly applies: (geometry: ConvGeometry) => boolean;
  /**
   * What it does, for predicting its time.
   * @param network bytes of all weights of the network.
   */
  readonly work: (geometry: ConvGeometry, network: number) => Work;
  /** Outputs are computed in tiles of so many rows and columns; the input's halo must cover whole ones. */
  readonly tile: number;
  readonly plan: (context: KernelContext, shape: ConvShape, operands: ConvOperands) => Call[];
}

const gemm: ConvCandidate = {
  applies: () => true,
  work: gemmWork,
  tile: 1,
  plan: (context, shape, { input, output, residual, weight, bias }) => {
    const split = splitOf(shape);
    const name = context.function('gemm', { ...shape, split }, 9, (f, args) =>
      emitGemm(f, args, shape, context.fma, split),
    );
    const sizes = sizesOfWeights(shape);
    const weights = context.weights(shape.groups * groupWeights(shape), {
      order: { kind: 'gemm', sizes, panel: gemmPanel(shape) },
      source: weight,
    });
    const offsets = context.weights(
      shape.groups * paddedChannels(shape.outChannels),
      bias && { order: { kind: 'bias', sizes }, source: bias },
    );
    const [rows, panels] = [shape.batch * shape.outRows, panelCount(shape)];
    const [whole, range] = split === 'rows' ? [panels, rows] : [rows, panels];
    const args = [input, weights, offsets, output, residual, 0, whole];
    return [{ function: name, args, range: [0, range] }];
  },
};

const depthwise: ConvCandidate = {
  applies: isDepthwiseLike,
  work: depthwiseWork,
  tile: 1,
  plan: (context, shape, { input, output, residual, weight, bias }) => {
    const name = context.function('depthwise', shape, 7, (f, args) =>
      emitDepthwise(f, args, shape, context.fma),
    );
    const weights = context.weights(depthwiseWeights(shape), {
      order: { kind: 'depthwise', sizes: sizesOfWeights(shape) },
      source: weight,
    });
    const offsets = context.weights(
      4 * vectorsOf(shape),
      bias && { order: { kind: 'plain' }, source: bias },
    );
    const range = [0, shape.batch * shape.outRows] as const;
    return [{ function: name, args: [input, weights, offsets, output, residual], range }];
  },
};

const winograd = (tile: TileSize): ConvCandidate => ({
  applies: isWinogradLike,
  work: (geometry, network) => winogradWork(geometry, tile, blocksOf(geometry, tile), network),
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
