/**
 * Blocks of channels become blocks of pixels ("pixel shuffle", Shi et al. 2016, equation 4): x [N,C·b²,H,W] to
 * [N,C,H·b,W·b]. Channels count the block's rows and columns before C (`DCR`) or after it (`CRD`).
 */
import { ModelError, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { channelsOf } from '../channels.ts';
import { multiplyDims } from '../dims.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { gatherElements } from '../loops.ts';
import { randomFloats } from '../sampling.ts';
import { staticDim, withRank } from '../shapes.ts';
import { formatType, typeOfTensor, type Dim, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  block: z.int().min(1).describe('rows and columns of a block'),
  order: z
    .enum(['DCR', 'CRD'])
    .default('DCR')
    .describe('whether the channels of the result run first or last'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { block }: Attrs): ValueType[] {
  const x = withRank(inputs[0], 4, 'x');
  const channels = staticDim(x, 1, 'x') / block ** 2;
  if (!Number.isInteger(channels))
    throw new ModelError(`the channels of ${formatType(x)} don't fill blocks of ${block}x${block}`);
  const [rows, columns] = [2, 3].map((axis) => multiplyDims([x.shape[axis] as Dim, block]));
  return [{ dtype: x.dtype, shape: [x.shape[0] as Dim, channels, rows as Dim, columns as Dim] }];
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const x = inputs[0] as Tensor;
  const { block, order } = attrs;
  const shape = infer([typeOfTensor(x)], attrs)[0]?.shape as number[];
  const channels = shape[1] as number;
  const source = ([n, c, h, w]: readonly number[]): number[] => {
    const [row, column] = [h as number, w as number];
    const within = (row % block) * block + (column % block);
    const channel =
      order === 'DCR' ? within * channels + (c as number) : (c as number) * block ** 2 + within;
    return [n as number, channel, Math.floor(row / block), Math.floor(column / block)];
  };
  return [gatherElements(x, shape, source)];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [number[], Attrs][] = [
    [[1, 4, 1, 1], { block: 2, order: 'DCR' }],
    [[2, 12, 3, 4], { block: 2, order: 'DCR' }],
    [[2, 12, 3, 4], { block: 2, order: 'CRD' }],
    [[1, 9, 5, 4], { block: 3, order: 'CRD' }],
    [[1, 27, 2, 3], { block: 3, order: 'DCR' }],
    [[2, 3, 2, 2], { block: 1, order: 'DCR' }],
  ];
  return cases.map(([shape, given]) => ({
    name: `[${shape.join(',')}] ${given.order} ${given.block}`,
    inputs: [randomFloats(random, shape)],
    attrs: given,
  }));
}

export const depthToSpace = defineOp({
  kind: 'depth-to-space',
  doc: 'Blocks of channels become blocks of pixels: x [N,C·b²,H,W] to [N,C,H·b,W·b].',
  inputs: [{ name: 'x' }],
  attrs,
  infer,
  channels: ([x], { block, order }) => {
    const all = channelsOf(x);
    if (all === undefined) return undefined;
    const [size, count] = [block ** 2, all / block ** 2];
    const places =
      order === 'CRD'
        ? [{ input: 0, block: size }]
        : Array.from({ length: size }, (_, within) => ({ input: 0, first: within * count }));
    return { ties: [{ count, places: [...places, { output: 0 }] }] };
  },
  reference,
  samples,
});
