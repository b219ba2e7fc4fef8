import {
  cast as castTensor,
  dtypes,
  float32,
  int64,
  ModelError,
  roundToFloat16,
  type Tensor,
} from '@decouple/tensor';
import { z } from 'zod';
import { sameChannels } from '../channels.ts';
import { defineOp, type Sample } from '../define-op.ts';
import { randomFloats } from '../sampling.ts';
import { required } from '../shapes.ts';
import { mapElements } from '../unary.ts';

const attrs = z.strictObject({
  to: z.enum(dtypes).describe('element type of the result'),
  precision: z
    .enum(['float16', 'bfloat16'])
    .nullable()
    .default(null)
    .describe('16-bit type that values are rounded to; they are float32 all the same'),
});
type Attrs = z.output<typeof attrs>;

export const cast = defineOp({
  kind: 'cast',
  doc: 'Converts element types. Float to whole numbers truncates towards zero; bool tests for non-zero.',
  inputs: [{ name: 'x' }],
  attrs,
  infer: (inputs, { to, precision }) => {
    if (precision && to !== 'float32')
      throw new ModelError(`numbers of ${precision} are kept as float32, not as ${to}`);
    return [{ dtype: to, shape: required(inputs[0], 'x').shape }];
  },
  channels: sameChannels,
  reference: (inputs, { to, precision }) => {
    const x = inputs[0] as Tensor;
    if (!precision) return [castTensor(x, to)];
    // Rounded once, from all digits that the values have.
    const wide = castTensor(x, 'float64');
    return [
      castTensor(
        mapElements(wide, (value) => roundToFloat16(value as number, precision)),
        to,
      ),
    ];
  },
  samples: (random): Sample<Attrs>[] => [
    sample('same', randomFloats(random, [2, 3]), 'float32'),
    sample('to int64', float32([4], [-1.7, 0.5, 2, 9.9]), 'int64'),
    sample('to int32', float32([2, 2], [-1.7, 0.5, 2, 9.9]), 'int32'),
    sample('to bool', float32([3], [0, 0.25, -2]), 'bool'),
    sample('from int64', int64([-3, 0, 5]), 'float32'),
    sample('to float64', randomFloats(random, [3]), 'float64'),
    sample('to uint8', float32([3], [0, 7.9, 255]), 'uint8'),
    {
      name: 'float16 precision',
      inputs: [float32([7], [0.1, -1e-7, 2049, 2051, 70000, 3e-5, 0])],
      attrs: { to: 'float32', precision: 'float16' },
    },
  ],
});

const sample = (name: string, x: Tensor, to: Attrs['to']): Sample<Attrs> => ({
  name,
  inputs: [x],
  attrs: { to, precision: null },
});
