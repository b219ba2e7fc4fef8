import {
  dtypes,
  filled,
  int64,
  ModelError,
  numbersOf,
  sizeOf,
  type Tensor,
} from '@decouple/tensor';
import { z } from 'zod';
import { defineOp, type Sample } from '../define-op.ts';
import { withRank } from '../shapes.ts';
import { formatType } from '../types.ts';

/** Elements beyond which a shape computed at run time is taken for a mistake. */
const maxElements = 2 ** 28;

const attrs = z.strictObject({
  value: z.number().default(0).describe('value of all elements'),
  dtype: z.enum(dtypes).default('float32').describe('element type'),
});
type Attrs = z.output<typeof attrs>;

export const constantOfShape = defineOp({
  kind: 'constant-of-shape',
  doc: 'A tensor of one value whose sizes are the elements of the int64 input; its type is known only when run.',
  inputs: [{ name: 'shape' }],
  attrs,
  infer: (inputs) => {
    const shape = withRank(inputs[0], 1, 'shape');
    if (shape.dtype !== 'int64')
      throw new ModelError(`input 'shape' must be int64, got ${formatType(shape)}`);
    return [null];
  },
  reference: (inputs, { value, dtype }) => {
    const shape = numbersOf(inputs[0] as Tensor);
    if (shape.some((dim) => dim < 0) || sizeOf(shape) > maxElements)
      throw new ModelError(`can't make a tensor of shape [${shape.join(',')}]`);
    return [filled(dtype, shape, value)];
  },
  samples: (): Sample<Attrs>[] => [
    { name: 'zeros', inputs: [int64([2, 3])], attrs: { value: 0, dtype: 'float32' } },
    { name: 'int64 ones', inputs: [int64([4])], attrs: { value: 1, dtype: 'int64' } },
    { name: 'scalar', inputs: [int64([])], attrs: { value: 0.5, dtype: 'float32' } },
  ],
});
