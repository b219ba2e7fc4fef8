import { cast as castTensor, dtypes, float32, int64, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { sameChannels } from '../channels.ts';
import { defineOp, type Sample } from '../define-op.ts';
import { randomFloats } from '../sampling.ts';
import { required } from '../shapes.ts';

const attrs = z.strictObject({ to: z.enum(dtypes).describe('element type of the result') });
type Attrs = z.output<typeof attrs>;

export const cast = defineOp({
  kind: 'cast',
  doc: 'Converts element types. Float to whole numbers truncates towards zero; bool tests for non-zero.',
  inputs: [{ name: 'x' }],
  attrs,
  infer: (inputs, { to }) => [{ dtype: to, shape: required(inputs[0], 'x').shape }],
  channels: sameChannels,
  reference: (inputs, { to }) => [castTensor(inputs[0] as Tensor, to)],
  samples: (random): Sample<Attrs>[] => [
    { name: 'same', inputs: [randomFloats(random, [2, 3])], attrs: { to: 'float32' } },
    { name: 'to int64', inputs: [float32([4], [-1.7, 0.5, 2, 9.9])], attrs: { to: 'int64' } },
    { name: 'to int32', inputs: [float32([2, 2], [-1.7, 0.5, 2, 9.9])], attrs: { to: 'int32' } },
    { name: 'to bool', inputs: [float32([3], [0, 0.25, -2])], attrs: { to: 'bool' } },
    { name: 'from int64', inputs: [int64([-3, 0, 5])], attrs: { to: 'float32' } },
  ],
});
