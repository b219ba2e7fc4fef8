import { ModelError, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { addToDim } from '../dims.ts';
import { sameChannels } from '../channels.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { gatherElements } from '../loops.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { required } from '../shapes.ts';
import { formatType, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  pads: z
    .array(z.int())
    .describe('elements to add before each axis, then after each axis; negative crops'),
  value: z.number().default(0).describe('value of added elements'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { pads }: Attrs): ValueType[] {
  const x = required(inputs[0], 'x');
  const rank = x.shape.length;
  if (pads.length !== 2 * rank)
    throw new ModelError(
      `pads must hold ${2 * rank} numbers for ${formatType(x)}, got ${pads.length}`,
    );
  const shape = x.shape.map((dim, axis) =>
    addToDim(dim, (pads[axis] as number) + (pads[axis + rank] as number)),
  );
  if (shape.some((dim) => typeof dim === 'number' && dim < 0))
    throw new ModelError(`pads [${pads.join(',')}] crop more than there is of ${formatType(x)}`);
  return [{ dtype: x.dtype, shape }];
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const x = inputs[0] as Tensor;
  const shape = infer([{ dtype: x.dtype, shape: x.shape }], attrs)[0]?.shape as number[];
  const source = (index: readonly number[]): number[] | undefined => {
    const from = index.map((at, axis) => at - (attrs.pads[axis] as number));
    return from.every((at, axis) => at >= 0 && at < (x.shape[axis] as number)) ? from : undefined;
  };
  return [gatherElements(x, shape, source, attrs.value)];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [string, number[], number[], number?][] = [
    ['nothing', [2, 3], [0, 0, 0, 0]],
    ['rows and columns', [1, 3, 4, 5], [0, 0, 1, 1, 0, 0, 1, 1]],
    ['asymmetric, batch 2', [2, 3, 4, 5], [0, 0, 0, 1, 0, 0, 2, 3]],
    ['channels', [2, 3, 2, 2], [0, 0, 0, 0, 0, 5, 0, 0]],
    ['value', [1, 2, 3, 3], [0, 0, 1, 2, 0, 0, 0, 1], -1.5],
    ['crop', [1, 2, 6, 5], [0, 0, -1, 0, 0, 0, -2, -1]],
    ['crop and add', [1, 2, 6, 5], [0, 0, -1, 2, 0, 0, 3, -2], 7],
    ['1-D', [3], [1, 2], 1],
  ];
  return [
    ...cases.map(([name, shape, pads, value]) => ({
      name,
      inputs: [randomFloats(random, shape)],
      attrs: { pads, value: value ?? 0 },
    })),
    {
      name: 'int64',
      inputs: [randomIntegers(random, 'int64', [2])],
      attrs: { pads: [1, 1], value: 9 },
    },
  ];
}

export const pad = defineOp({
  kind: 'pad',
  doc: 'Adds elements of one value around x, or crops it.',
  inputs: [{ name: 'x' }],
  attrs,
  infer,
  channels: (inputs, { pads }, outputs) =>
    pads[1] || pads[1 + pads.length / 2] ? undefined : sameChannels(inputs, undefined, outputs),
  reference,
  samples,
});
